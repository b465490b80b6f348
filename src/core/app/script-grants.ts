/** What a script has beside its own code and an empty folder. Written as in `app.json`. */
export interface ScriptGrants {
  /** `example.com:443`, `10.0.0.0/8:*` */
  readonly network: readonly string[]
  /** Files and folders, with all below. */
  readonly read: readonly string[]
  readonly write: readonly string[]
  /** Programs, with the rights of the agent. */
  readonly run: readonly string[]
  /** Services of the mesh, as the agent's user. */
  readonly dial: readonly string[]
}
