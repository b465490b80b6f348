import { type Clock, ms } from '../core/model/time.ts'

/** The computer's clock. */
export const SYSTEM_CLOCK: Clock = { now: () => ms(Date.now()) }
