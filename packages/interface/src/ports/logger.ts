/** The port on logs is libp2p's: an app's logger serves both. */
export type { ComponentLogger, Logger } from '@libp2p/interface'
