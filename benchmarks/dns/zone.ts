/** What the name server serves: a service at three hosts. */
import type { OutRecord } from '../../packages/dns/src/write/wire.ts'

export const ZONE = 'example.test'
export const SERVICE = `_peer._tcp.${ZONE}`
export const HOSTS = 3

export const RECORDS: readonly OutRecord[] = Array.from({ length: HOSTS }, (_, i) => {
  return { name: SERVICE, ttl: 60, type: 'SRV', priority: 10, weight: 20, port: 4_001 + i, target: `host-${i}.${ZONE}` }
})
