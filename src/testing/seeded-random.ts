/** A source of chance that gives the same numbers for the same seed. */
export type SeededRandom = () => number

/**
 * Make a source of numbers from 0 up to, but not including, 1 (mulberry32: good enough to play with, not for keys).
 *
 * @param seed  32 bits
 */
export function createSeededRandom(seed: number): SeededRandom {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** The seed of this run: `SEED` of the environment, or a new one. */
export function chooseSeed(env: { readonly SEED?: string | undefined } = process.env): number {
  return env.SEED === undefined || env.SEED === ''
    ? Math.floor(Math.random() * 2 ** 32)
    : Number(env.SEED) >>> 0
}

/**
 * Run something that chance decides. When it fails, the error says how to play the same again.
 *
 * @throws what `play` throws, with `SEED=…` in front of its message
 */
export async function withSeed<T>(play: (random: SeededRandom) => T | Promise<T>): Promise<T> {
  const seed = chooseSeed()
  try {
    return await play(createSeededRandom(seed))
  } catch (error) {
    if (error instanceof Error) error.message = `SEED=${seed}: ${error.message}`
    throw error
  }
}
