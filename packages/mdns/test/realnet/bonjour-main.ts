/** On a host of the LAN: `bonjour-service`, which browses for `_olocus._tcp` and publishes services of that type. */
import { Bonjour, type Service } from 'bonjour-service'
import { serve, tell } from './serve.ts'

/** What its browser says. */
export interface BonjourEvent {
  what: 'up' | 'down' | 'srv-update' | 'txt-update'
  name: string
  host: string
  port: number
  addresses: string[]
  txt: Record<string, string>
}

const bonjour = new Bonjour()
const published = new Map<string, Service>()

serve({
  browse (): void {
    const browser = bonjour.find({ type: 'olocus' })
    const say = (what: BonjourEvent['what']) => ({ name, host, port, addresses = [], txt }: Service): void => {
      tell({ what, name, host, port, addresses, txt: txt as Record<string, string> } satisfies BonjourEvent)
    }
    browser.on('up', say('up'))
    browser.on('down', say('down'))
    browser.on('srv-update', say('srv-update'))
    browser.on('txt-update', say('txt-update'))
  },
  /** @param host - the SRV target, its whole name: a bare one would not be in the domain */
  publish (name: string, host: string, port: number, txt: Record<string, string>): void {
    published.set(name, bonjour.publish({ name, type: 'olocus', host, port, txt }))
  },
  async unpublish (name: string): Promise<void> {
    await new Promise<void>(resolve => { published.get(name)!.stop(resolve) })
    published.delete(name)
  }
})
