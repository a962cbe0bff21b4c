/** Real name servers on loopback, as children in the foreground, each with files of its own. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encode } from 'dns-packet'
import { until } from '../../../../test/support/until.ts'
import { zoneFile } from '../../src/write/zone-file.ts'
import type { OutRecord } from '../../src/write/wire.ts'

export type ServerKind = 'named' | 'knotd' | 'nsd' | 'dnsmasq' | 'unbound'

export interface NameServer {
  kind: ServerKind
  /** `127.0.0.1:port`, UDP and TCP. */
  address: string
  port: number
  close: () => Promise<void>
}

export interface ServerOptions {
  /** Without a dot at its end. */
  zone: string
  records: readonly OutRecord[]
  /** Further lines of the zone file. */
  lines?: string
  /** Updates signed with it are taken (named, knotd). */
  key?: { name: string, algorithm: string, secret: string } | undefined
  /** What `unbound` asks. */
  upstream?: NameServer | undefined
}

/** Why there is no such server here, in words. */
export function whyNoServer (kind: ServerKind): string | undefined {
  try {
    execFileSync('sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin command -v ${kind}`], { stdio: 'pipe' })
  } catch {
    return `${kind} is not installed`
  }
}

/** A port that is free over UDP and TCP just now. */
async function freePort (): Promise<number> {
  for (;;) {
    const server = createServer()
    const port = await new Promise<number>(resolve => server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)))
    await new Promise(resolve => { server.close(resolve) })
    const socket = createSocket('udp4')
    const isFree = await new Promise<boolean>(resolve => {
      socket.once('error', () => resolve(false))
      socket.bind(port, '127.0.0.1', () => resolve(true))
    })
    await new Promise<void>(resolve => { socket.close(resolve) })
    if (isFree) return port
  }
}

export async function startServer (kind: ServerKind, options: ServerOptions): Promise<NameServer> {
  const folder = mkdtempSync(join(tmpdir(), `pw-${kind}-`))
  chmodSync(folder, 0o777)
  const port = await freePort()
  const { zone, records, lines = '' } = options
  const at = (name: string): string => join(folder, name)
  writeFileSync(at('zone'), `${zone}. 60 IN SOA ns.${zone}. root.${zone}. 1 3600 600 86400 30\n${zone}. 60 IN NS ns.${zone}.\nns.${zone}. 60 IN A 127.0.0.1\n${zoneFile(records)}${lines}`)
  const [command, args] = CONFIGURE[kind](options, port, at)
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` } })
  const said: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
  const close = async (): Promise<void> => {
    await ended(child)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await until(async () => {
      if (child.exitCode != null) throw new Error('it ended')
      return answers(port, zone)
    }, `${kind} answers`, 15_000)
  } catch (error) {
    await close()
    throw new Error(`${kind}: ${String(error)}\n${Buffer.concat(said).toString().slice(-2_000)}`, { cause: error })
  }
  return { kind, address: `127.0.0.1:${port}`, port, close }
}

async function ended (child: ChildProcess): Promise<void> {
  if (child.exitCode != null || child.signalCode != null) return
  const exit = new Promise(resolve => { child.once('exit', resolve) })
  child.kill('SIGKILL')
  await exit
}

/** Whether it says anything to a question for the zone. */
async function answers (port: number, zone: string): Promise<boolean> {
  const socket = createSocket('udp4')
  try {
    return await new Promise<boolean>(resolve => {
      socket.once('error', () => resolve(false))
      socket.once('message', message => resolve((message.readUInt16BE(2) & 0xf) === 0))
      socket.connect(port, '127.0.0.1', () => {
        socket.send(encode({ type: 'query', id: 1, flags: 1 << 8, questions: [{ name: `ns.${zone}`, type: 'A' }] }))
      })
      setTimeout(() => resolve(false), 200)
    })
  } finally {
    socket.close()
  }
}

type Configure = (options: ServerOptions, port: number, at: (name: string) => string) => [command: string, args: string[]]

const CONFIGURE: Record<ServerKind, Configure> = {
  named ({ zone, key }, port, at) {
    writeFileSync(at('named.conf'), `
      options {
        directory "${at('')}"; pid-file "${at('pid')}"; session-keyfile "${at('session')}"; recursion no; dnssec-validation no; notify no;
        empty-zones-enable no; listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; }; minimal-responses yes; max-udp-size 1232;
      };
      controls { };
      ${key == null ? '' : `key "${key.name}" { algorithm ${key.algorithm}; secret "${key.secret}"; };`}
      zone "${zone}" { type primary; file "${at('zone')}"; ${key == null ? '' : `update-policy { grant ${key.name} zonesub ANY; };`} };
    `)
    return ['named', ['-g', '-n', '1', '-c', at('named.conf')]]
  },
  knotd ({ zone, key }, port, at) {
    writeFileSync(at('knot.conf'), `
server:
  rundir: "${at('')}"
  listen: 127.0.0.1@${port}
  user: root:root
  udp-max-payload: 1232
database:
  storage: "${at('')}"
${key == null ? '' : `key:
  - id: ${key.name}
    algorithm: ${key.algorithm}
    secret: ${key.secret}
acl:
  - id: updates
    key: ${key.name}
    action: [update]
`}zone:
  - domain: ${zone}
    file: "${at('zone')}"
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
${key == null ? '' : '    acl: [updates]\n'}`)
    return ['knotd', ['-c', at('knot.conf')]]
  },
  nsd ({ zone }, port, at) {
    writeFileSync(at('nsd.conf'), `
server:
  ip-address: 127.0.0.1@${port}
  username: ""
  zonesdir: "${at('')}"
  pidfile: "${at('pid')}"
  xfrdfile: ""
  zonelistfile: "${at('zonelist')}"
  xfrdir: "${at('')}"
  ipv4-edns-size: 1232
remote-control:
  control-enable: no
zone:
  name: ${zone}
  zonefile: "${at('zone')}"
`)
    return ['nsd', ['-d', '-c', at('nsd.conf')]]
  },
  dnsmasq ({ zone, records }, port, at) {
    const options = records.map(record => {
      switch (record.type) {
        case 'A':
        case 'AAAA': return `host-record=${record.name},${record.address},${record.ttl}`
        case 'SRV': return `srv-host=${record.name},${record.target},${record.port},${record.priority},${record.weight}`
        case 'TXT': return `txt-record=${[record.name, ...record.strings.map(string => `"${Buffer.from(string).toString('latin1').replaceAll('"', '\\"')}"`)].join(',')}`
      }
    })
    // In a file: there alone it takes quotes for what they are.
    writeFileSync(at('dnsmasq.conf'), options.map(line => `${line}\n`).join(''))
    return ['dnsmasq', [
      '--no-daemon', `--conf-file=${at('dnsmasq.conf')}`, '--no-resolv', '--no-hosts', `--port=${port}`, '--listen-address=127.0.0.1', '--bind-interfaces', '--user=root',
      '--pid-file=', `--local=/${zone}/`, '--local-ttl=60', `--host-record=ns.${zone},127.0.0.1`, '--edns-packet-max=1232'
    ]]
  },
  unbound ({ zone, upstream }, port, at) {
    writeFileSync(at('unbound.conf'), `
server:
  interface: 127.0.0.1@${port}
  username: ""
  chroot: ""
  directory: "${at('')}"
  pidfile: "${at('pid')}"
  use-syslog: no
  do-not-query-localhost: no
  module-config: "iterator"
  edns-buffer-size: 1232
  local-zone: "test." nodefault
  access-control: 127.0.0.0/8 allow
stub-zone:
  name: "${zone}"
  stub-addr: 127.0.0.1@${upstream?.port}
`)
    return ['unbound', ['-d', '-c', at('unbound.conf')]]
  }
}
