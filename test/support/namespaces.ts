/**
 * A local network of real hosts on one machine: a network namespace (`ip-netns(8)`) each, on one bridge. What is sent in
 * it stays in it: no namespace is connected to anything else.
 */
import { execFileSync, spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { randomBytes } from 'node:crypto'

export interface LanHost {
  readonly namespace: string
  /** `10.77.0.1` for the first, on `eth0`; it has a link-local IPv6 address too, and a loopback interface. */
  readonly address: string
  /** Runs `command` in it, until it ends or the LAN is closed. The process is the command's own, so a signal reaches it. */
  spawn: (command: string, args: readonly string[], options?: SpawnOptions) => ChildProcess
  /**
   * Runs `command` in it to its end.
   *
   * @returns what it wrote to stdout
   * @throws Error when it ends with another code than 0
   */
  run: (command: string, args: readonly string[]) => string
}

export interface Lan extends Disposable {
  readonly hosts: readonly LanHost[]
  /**
   * From now on each receiver misses this share of the packets, 0 to 1, each packet and each receiver on its own: of a
   * multicast some hosts get it and others do not. Everything is lost alike, fragments and neighbour discovery included.
   *
   * @throws Error when `nft` (Debian: `nftables`) is not there
   */
  setLoss: (share: number) => void
  /** Kills what runs in it and takes it away. Any number of times; also done when this process exits or is told to. */
  close: () => void
}

const MAX_HOSTS = 254
const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

let reason: string | undefined
let isProbed = false
let made = 0
/** Not yet closed. */
const open = new Set<Lan>()

/** Why {@link createLan} cannot work here, in words; `undefined` when it can. Never throws; tries it once. */
export function whyNoNamespaces (): string | undefined {
  if (isProbed) return reason
  isProbed = true
  try {
    createLan(1).close()
  } catch (error) {
    reason = `no network namespaces: ${String(error).trim().split('\n').slice(0, 2).join(' ')}`
  }
  return reason
}

/**
 * A LAN of so many hosts, ready at once. Its names are unique, so any number of them, of any number of processes, are
 * there at the same time and do not hear each other.
 *
 * @throws RangeError for less than one host or more than 254
 * @throws Error when the right to make namespaces is missing, or `ip` is
 */
export function createLan (count: number): Lan {
  if (!(count >= 1 && count <= MAX_HOSTS)) throw new RangeError(`a LAN has 1 to ${MAX_HOSTS} hosts, got ${count}`)
  // The random part: another process may have had our id, and been killed before it could clean up.
  const prefix = `pw${process.pid}-${made++}-${randomBytes(3).toString('hex')}`
  const bridge = `${prefix}-lan`
  const hosts = Array.from({ length: count }, (_, i) => new NamespaceHost(`${prefix}-${i + 1}`, `10.77.0.${i + 1}`))
  const namespaces = [bridge, ...hosts.map(({ namespace }) => namespace)]
  let isOpen = true
  const lan: Lan = {
    hosts,
    setLoss (share) {
      if (!(share >= 0 && share <= 1)) throw new RangeError(`a share is 0 to 1, got ${share}`)
      try {
        inNamespace(bridge, 'nft', ['-f', '-'], lossRules(share))
      } catch (error) {
        throw new Error(`no packet loss: nft (Debian's package nftables) could not set it up: ${String(error)}`, { cause: error })
      }
    },
    close () {
      if (!isOpen) return
      isOpen = false
      open.delete(lan)
      if (open.size === 0) unhook()
      // One after another: a namespace that is not there must not keep the others.
      execFileSync('sh', ['-s'], { input: namespaces.map(removal).join('\n'), stdio: ['pipe', 'ignore', 'ignore'] })
    },
    [Symbol.dispose] () { lan.close() }
  }
  if (open.size === 0) hook()
  open.add(lan)
  try {
    execFileSync('sh', ['-e'], { input: setup(bridge, hosts), stdio: 'pipe' })
  } catch (error) {
    lan.close()
    throw error
  }
  return lan
}

class NamespaceHost implements LanHost {
  readonly namespace: string
  readonly address: string

  constructor (namespace: string, address: string) {
    this.namespace = namespace
    this.address = address
  }

  spawn (command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    // `ip netns exec` becomes the command, it does not wait for it.
    return spawn('ip', ['netns', 'exec', this.namespace, command, ...args], options)
  }

  run (command: string, args: readonly string[]): string {
    return inNamespace(this.namespace, command, args)
  }
}

function inNamespace (namespace: string, command: string, args: readonly string[], input = ''): string {
  return execFileSync('ip', ['netns', 'exec', namespace, command, ...args], { input, encoding: 'utf8', stdio: 'pipe' })
}

/**
 * For `sh -e`, in few processes: each takes milliseconds. The bridge has no addresses and says nothing; without
 * snooping it passes every multicast on. Hosts do not look for others with their IPv6 address before they use it, which
 * would take a second.
 */
function setup (bridge: string, hosts: readonly LanHost[]): string {
  return [
    `ip netns add ${bridge}`,
    batchIn(bridge, 'default/disable_ipv6 1', [
      'link add br0 type bridge mcast_snooping 0',
      'link set br0 up'
    ]),
    ...hosts.flatMap(({ namespace, address }, i) => [
      `ip netns add ${namespace}`,
      batchIn(namespace, 'default/accept_dad 0', [
        `link add eth0 type veth peer name p${i} netns ${bridge}`,
        'link set lo up',
        `address add ${address}/24 dev eth0`,
        'link set eth0 up',
        'route add 224.0.0.0/4 dev eth0'
      ])
    ]),
    batchIn(bridge, 'default/disable_ipv6 1', hosts.map((_, i) => `link set p${i} master br0 up`))
  ].join('\n')
}

function batchIn (namespace: string, setting: string, commands: readonly string[]): string {
  const [name, value] = setting.split(' ')
  return `ip netns exec ${namespace} sh -ec 'echo ${value} > /proc/sys/net/ipv6/conf/${name}; ip -batch -' <<END\n${commands.join('\n')}\nEND`
}

/** In the bridge, where a multicast is a packet of its own for each port it leaves by. One transaction, so it is never off. */
function lossRules (share: number): string {
  const lost = Math.round(share * 10_000)
  // "Fewer than all of them" is no comparison that nft takes.
  const rule = lost < 10_000 ? `numgen random mod 10000 < ${lost} drop` : 'drop'
  return `
    table bridge loss
    delete table bridge loss
    ${lost > 0 ? `table bridge loss {\nchain forward {\ntype filter hook forward priority 0\n${rule}\n}\n}` : ''}
  `
}

/** What runs in it, whoever started it, is ours: nobody else knows its name. */
function removal (namespace: string): string {
  return `for pid in $(ip netns pids ${namespace}); do kill -9 "$pid"; done; ip netns del ${namespace}`
}

function hook (): void {
  process.on('exit', closeAll)
  for (const signal of SIGNALS) process.on(signal, onSignal)
}

function unhook (): void {
  process.off('exit', closeAll)
  for (const signal of SIGNALS) process.off(signal, onSignal)
}

function closeAll (): void {
  for (const lan of [...open]) lan.close()
}

/** With a listener the signal has lost its effect: it is sent again once there is none of ours. */
function onSignal (signal: NodeJS.Signals): void {
  closeAll()
  process.kill(process.pid, signal)
}
