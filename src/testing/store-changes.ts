import type { Json } from '../core/model/store.ts'

/** One write to a store; undefined deletes. */
export interface StoreChange {
  readonly key: string
  readonly value: Json | undefined
}

/**
 * Number `index` of an endless row of changes that two processes can make without talking to each other.
 *
 * Every fifth deletes. Values are of 10 bytes to 12 KiB and repeat their number, so that half of one is not one.
 */
export function changeAt(seed: number, index: number): StoreChange {
  const chance = chanceAt(seed, index)
  const key = `change/${chance % KEY_COUNT}`
  if (chance % 5 === 0) return { key, value: undefined }
  return { key, value: { index, text: `${index} `.repeat((chance >>> 8) % 2_000) } }
}

/** How many changes the writing process has in flight at most. */
export const MAX_IN_FLIGHT = 16

/** 32 bits that look like chance, always the same for two numbers. @see github.com/skeeto/hash-prospector, lowbias32 */
export function chanceAt(seed: number, index: number): number {
  let x = Math.imul(seed, 0x9e3779b1) ^ index
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return (x ^ (x >>> 16)) >>> 0
}

const KEY_COUNT = 24
