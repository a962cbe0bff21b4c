/** The service that the tests announce. */
import type { MdnsServiceOptions } from '../../src/index.ts'

export const OLOCUS: MdnsServiceOptions = {
  type: '_olocus._tcp', name: 'Kitchen', host: 'oven', text: { color: 'red' }, protocols: ['/olocus/1'], subtypes: ['_printer']
}
