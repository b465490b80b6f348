import type { MeshError } from '../../core/model/errors.ts'

/** A stream to a service, for whoever pays. */
export interface BilledSession {
  readonly service: string
  /** Unique for ever: the id of the session ticket. */
  readonly sessionId: string
  /** Unique in the session; drawn by chance if absent. */
  readonly streamId?: string
  /** The mesh meters it itself: the controller reports what both ends counted, so nothing is reported here. */
  readonly isMetered?: boolean
}

/** Counts one stream. */
export interface Metered {
  sent(byteCount: number): void
  received(byteCount: number): void
  /** The stream has ended: its usage is kept until Commerce has it. Resolves when it survives `kill -9`; never throws. */
  close(): Promise<void>
}

/** Sees to it that dials are paid for. */
export interface Billing extends AsyncDisposable {
  /**
   * Whether a service may be dialled now. Fails closed.
   *
   * @throws MeshError `insufficient-balance` (see `shortageOf`), `billing-failed` if Commerce cannot be asked,
   *   `too-many` if more usage waits for Commerce than may be kept
   */
  check(service: string): Promise<void>
  /**
   * A stream was opened: count it, and ask for the balance again while it is open.
   *
   * @param end  called at most once: the balance is gone, or Commerce could not be asked for long
   */
  open(session: BilledSession, end: (error: MeshError) => void): Metered
  /** Usage that Commerce has not got yet. */
  readonly pendingCount: number
}

/** Billing that is off: lets everything through and counts nothing. */
export const NO_BILLING: Billing = {
  async check() {},
  open: () => ({ sent() {}, received() {}, async close() {} }),
  pendingCount: 0,
  async [Symbol.asyncDispose]() {},
}
