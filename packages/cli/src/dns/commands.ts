/** `peerweave dns` and its options. */
import { Option, type Command } from 'commander'
import { listenForInterrupt } from '../interrupt.ts'
import { wholeNumber } from '../whole-number.ts'
import { UsageError } from '../usage-error.ts'
import type { PublishCommandOptions } from './publish.ts'
import type { ZoneCommandOptions } from './zone.ts'

/** As nsupdate has it: what went wrong at the server is told apart from what was asked wrongly. */
const EXIT_USAGE = 2

const ADDRESSES = 'multiaddrs that end in /p2p/<peer id>; several of one id are one peer'

export function addDnsCommands (program: Command): void {
  const dns = program.command('dns')
    .description('Prints the DNS records of peers, or puts them into a zone')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT_USAGE))

  const zone = dns.command('zone')
    .description('Prints the records of peers, for a zone that is kept by hand')
    .argument('<address...>', ADDRESSES)
    .requiredOption('-d, --domain <name>', 'where the records are')
  withRecordOptions(zone)
    .option('--json', 'one JSON object per record on stdout')
    .addHelpText('after', `
Examples:
  peerweave dns zone --domain example.org --service _olocus._tcp /ip4/1.2.3.4/tcp/4001/p2p/12D3KooW… >> example.org.zone
  peerweave dns zone --domain peers.internal --service _olocus._udp --private /ip4/10.0.0.7/udp/4001/quic-v1/p2p/12D3KooW…`)
    .action(async (addresses: string[], options: ZoneCommandOptions) => {
      await orUsage(zone, async () => {
        const { printZone } = await import('./zone.ts')
        printZone(addresses, options)
      })
    })

  const publish = dns.command('publish')
    .description('Puts the records of peers into a zone by a dynamic update (RFC 2136), in place of what it had of them')
    .argument('<address...>', `${ADDRESSES}; with --remove, /p2p/<peer id> is enough`)
    .requiredOption('-z, --zone <name>', 'the zone that is changed')
    .requiredOption('--server <address>', 'its primary server, as 127.0.0.1:53 or [::1]:53')
    .option('-d, --domain <name>', 'where in it the records are (default: the zone)')
  withRecordOptions(publish)
    .addOption(new Option('--key <key>', 'name:algorithm:base64, which other users of this machine can see').conflicts('keyFile'))
    .option('--key-file <file>', 'the key, as tsig-keygen prints it')
    .option('--remove', 'takes the peers out of the zone')
    .option('--json', 'one JSON object on stdout')
    .addHelpText('after', `
Examples:
  tsig-keygen peers > peers.key    for the server and for us
  peerweave dns publish --zone example.org --service _olocus._tcp --server 192.0.2.53:53 --key-file peers.key \\
    /ip4/1.2.3.4/tcp/4001/p2p/12D3KooW…
  peerweave dns publish --zone example.org --service _olocus._tcp --server 192.0.2.53:53 --key-file peers.key \\
    --remove /p2p/12D3KooW…

The records stand until they are replaced or removed.`)
    .action(async (addresses: string[], options: PublishCommandOptions) => {
      using interrupt = listenForInterrupt() // before the import, which takes a while
      await orUsage(publish, async () => {
        const { publishPeers } = await import('./publish.ts')
        try {
          await publishPeers(addresses, options, interrupt)
        } catch (error) {
          if (!interrupt.signal.aborted) throw error
          process.exitCode = interrupt.exitCode
        }
      })
    })
}

function withRecordOptions (command: Command): Command {
  return command
    .requiredOption('-s, --service <labels>', 'as peers look for it: _name._tcp or _name._udp')
    .option('--private', 'private and loopback addresses too, for a zone that the world does not see')
    .option('-t, --ttl <seconds>', 'how long others may believe a record, 30 to 86400', wholeNumber(30, 86_400), 300)
}

async function orUsage (command: Command, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    command.error(`error: ${error.message}`, { exitCode: EXIT_USAGE })
  }
}
