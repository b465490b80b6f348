/** A TCP port of this computer that programs can connect to. */
export interface ListeningPort {
  /** The address it is bound at; `0.0.0.0` and `::` are every address. */
  readonly ip: string
  readonly port: number
  /** The name of the program, where the system lets this user see it: nothing of its arguments. */
  readonly process?: string
}
