/** A real name server that listens on ::1 alone. */
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../../../../test/support/until.ts'
import { dnsClient } from '../../src/client/client.ts'
import type { Fake } from './fakes.ts'

/** @param zoneText - a zone file without SOA and NS */
export async function startOnIPv6 (kind: 'named' | 'knotd', zone: string, zoneText: string): Promise<Fake> {
  const folder = mkdtempSync(join(tmpdir(), `pw-${kind}6-`))
  const socket = createSocket('udp6')
  const port = await new Promise<number>(resolve => { socket.bind(0, '::1', () => resolve(socket.address().port)) })
  await new Promise<void>(resolve => { socket.close(resolve) })
  writeFileSync(join(folder, 'zone'), `${zone}. 60 IN SOA ns.${zone}. root.${zone}. 1 3600 600 86400 30\n${zone}. 60 IN NS ns.${zone}.\nns.${zone}. 60 IN AAAA ::1\n${zoneText}`)
  const conf = join(folder, 'conf')
  writeFileSync(conf, kind === 'knotd'
    ? `
server:
  rundir: "${folder}"
  listen: ::1@${port}
  user: root:root
database:
  storage: "${folder}"
zone:
  - domain: ${zone}
    file: "${folder}/zone"
`
    : `
options {
  directory "${folder}"; pid-file "${folder}/pid"; session-keyfile "${folder}/session"; recursion no; dnssec-validation no; notify no;
  empty-zones-enable no; listen-on { none; }; listen-on-v6 port ${port} { ::1; };
};
controls { };
zone "${zone}" { type primary; file "${folder}/zone"; };
`)
  const child = spawn(kind, kind === 'knotd' ? ['-c', conf] : ['-g', '-n', '1', '-c', conf], {
    stdio: 'ignore', env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` }
  })
  const ended = new Promise(resolve => { child.once('exit', resolve) })
  const text = `[::1]:${port}`
  const close = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  const client = dnsClient({ servers: [text], timeout: 200 })
  try {
    await until(async () => client.query(`ns.${zone}`, 'AAAA').then(() => true, () => child.exitCode != null), `${kind} answers`, 15_000)
  } catch (error) {
    await close()
    throw error
  } finally {
    await client.close()
  }
  return { text, port, close }
}
