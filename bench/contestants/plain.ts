import type { Contestant } from '../contestant.ts'

/** Nothing in between: what loopback, the generator and the target can do at most. */
export function plainContestant(): Contestant {
  return {
    name: 'plain',
    shape: 'loopback, nothing in between: the ceiling of generator and target',
    start: async targetPorts => ({ ports: targetPorts }),
    stop: async () => {},
    pids: () => ({}),
  }
}
