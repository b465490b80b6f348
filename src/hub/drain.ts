/**
 * Wait until agents have moved what this hub relays to other hubs. They were told that it ends.
 *
 * @param relayCount  relays open now
 * @returns also when the time is over: what is left has nowhere to go
 */
export async function untilDrained(relayCount: () => number): Promise<void> {
  const startedMs = performance.now()
  while (relayCount() > 0 && performance.now() - startedMs < DRAIN_MS)
    await new Promise(resolve => setTimeout(resolve, LOOK_MS))
}

/** How long a hub that is told to end waits for its relays to go elsewhere, where there is another hub. */
export const DRAIN_MS = 4_000
const LOOK_MS = 50
