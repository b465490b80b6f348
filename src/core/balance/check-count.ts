/** How many checks in a row change what is believed of a member. */
export interface CheckThresholds {
  /** Good ones until one that was down is up. */
  readonly rise: number
  /** Bad ones until one that was up, or was never seen, is down. */
  readonly fall: number
}

/** What checks have said of one member: nothing yet, or that it is up or down. One that was never seen is up with its first good check. */
export interface CheckCount {
  readonly state: 'unknown' | 'up' | 'down'
  /** @returns whether the state is another now */
  note(isGood: boolean): boolean
}

/** Begin to count. */
export function createCheckCount({ rise, fall }: CheckThresholds): CheckCount {
  let state: CheckCount['state'] = 'unknown'
  /** Checks in a row that speak against the state. */
  let against = 0
  return {
    get state() {
      return state
    },
    note(isGood) {
      if (isGood === (state === 'up')) {
        // Of one that is not known a bad check says something, too.
        if (state !== 'unknown') {
          against = 0
          return false
        }
      }
      against += 1
      const needed = isGood ? (state === 'unknown' ? 1 : rise) : fall
      if (against < needed) return false
      state = isGood ? 'up' : 'down'
      against = 0
      return true
    },
  }
}
