/** What a hub tells a process that copies for it. */
export type ToRelayWorker =
  /** Comes first. @param leaseBytes  absent if there is no rate to keep */
  | { readonly do: 'begin'; readonly leaseBytes: number | undefined }
  /** One connection of a relay, which comes along; the second one joins them. `unread` was read of it before. */
  | {
      readonly do: 'half'
      readonly relay: number
      readonly payer: string
      readonly unread: readonly Uint8Array[]
    }
  /** Break both connections of a relay. */
  | { readonly do: 'cut'; readonly relay: number }
  | { readonly do: 'grant'; readonly payer: string; readonly byteCount: number }

/** What such a process tells the hub. */
export type FromRelayWorker =
  | { readonly did: 'close'; readonly relay: number; readonly byteCount: number }
  /** How it stands, told while something changes: bytes of relays so far, and how long they waited for rates. */
  | {
      readonly did: 'count'
      readonly byteCounts: readonly (readonly [relay: number, byteCount: number])[]
      readonly throttledMs: number
    }
  | { readonly did: 'ask'; readonly payer: string; readonly byteCount: number }
  | { readonly did: 'give-back'; readonly payer: string; readonly byteCount: number }
