/** A field of a Cap'n Proto struct: bits of its value as a power of two (0 is a bit, 6 is 64), or a pointer. */
export type CapnpFieldSize = 0 | 3 | 4 | 5 | 6 | 'pointer'

/** Where the fields of a struct are. */
export interface CapnpLayout {
  /** In units of the field's own size, or the number of its pointer; in the order of the fields. */
  readonly offsets: readonly number[]
  readonly dataWords: number
  readonly pointers: number
}

/**
 * Lay out a struct without unions as `capnp compile` does: field by field in the order of their numbers, each into the
 * smallest hole that was left, else into a new word.
 *
 * @see https://capnproto.org/encoding.html, "Structs"
 */
export function layOutStruct(sizes: readonly CapnpFieldSize[]): CapnpLayout {
  // A hole of 2^n bits begins at `holes[n]` times that; none where it is 0, as no hole is at the very beginning.
  const holes = [0, 0, 0, 0, 0, 0]
  let dataWords = 0
  let pointers = 0

  function takeHole(size: number): number | undefined {
    const hole = holes[size]
    if (hole === undefined) return undefined
    if (hole !== 0) {
      holes[size] = 0
      return hole
    }
    const larger = takeHole(size + 1)
    if (larger === undefined) return undefined
    holes[size] = larger * 2 + 1
    return larger * 2
  }

  function takeWord(size: number): number {
    const offset = dataWords << (6 - size)
    dataWords += 1
    for (let n = size, end = offset + 1; n < 6; n += 1, end = (end + 1) / 2) holes[n] = end
    return offset
  }

  const offsets = sizes.map(size => {
    if (size !== 'pointer') return takeHole(size) ?? takeWord(size)
    pointers += 1
    return pointers - 1
  })
  return { offsets, dataWords, pointers }
}
