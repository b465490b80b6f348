/** One call a fake daemon got, already parsed by the route's own shapes. */
export interface FakeCall {
  /** `agent.joinMesh`, `hub.stop`, `tunnel.openInbound` */
  readonly route: string
  readonly params: Record<string, unknown>
  readonly query: Record<string, unknown>
  readonly body: unknown
}

/** Gives the answer to a call. Throws MeshError to refuse. */
export type FakeAnswer = (call: FakeCall) => unknown
