/** The commands and their options. */
import { Command } from 'commander'
import { addDnsCommands } from './dns/commands.ts'
import { listenForInterrupt } from './interrupt.ts'
import { VERSION } from './version.ts'
import { wholeNumber } from './whole-number.ts'

export function program (): Command {
  const command = new Command('peerweave')
    .description('Finds peers on peer-to-peer networks, by many mechanisms at once')
    .version(VERSION)
    .showHelpAfterError('(add --help for the options)')

  command.command('demo')
    .description('Runs real libp2p nodes on this machine and shows how they are found: they join, leave and crash while you watch')
    .option('-n, --nodes <number>', 'nodes to find, 1 to 50', wholeNumber(1, 50), 8)
    .option('-f, --for <seconds>', 'stop after so many seconds (default: at Ctrl-C)', wholeNumber(1, 86_400))
    .option('-s, --seed <number>', 'the same seed gives the same story', wholeNumber(0, 2 ** 31 - 1))
    .option('--json', 'one JSON object per event on stdout, a summary last')
    .addHelpText('after', `
Examples:
  peerweave demo                   a live table until Ctrl-C
  peerweave demo --for 15 --json   fifteen seconds as JSON lines
  peerweave demo --nodes 20        more to look at

All traffic stays on loopback.`)
    .action(async options => {
      using interrupt = listenForInterrupt() // before the import, which takes a while
      const { demo } = await import('./demo/demo.ts')
      await demo(options, interrupt)
    })

  addDnsCommands(command)
  return command
}
