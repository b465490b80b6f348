/** In a CONNECT: where its datagrams may go beside the stream. In its answer: the same, if they do. */
export const FLOW_HEADER = 'ztm-flow'

/** A flow of datagrams beside a session. */
export interface FlowName {
  /** Id of the accepting end of the punched path, 32 bits. */
  readonly channel: number
  /** Chosen by the dialling side, not used twice in a session, 32 bits. */
  readonly flow: number
}

/** As the value of the header: `00c0ffee.7`. */
export function formatFlowName({ channel, flow }: FlowName): string {
  return `${channel.toString(16).padStart(8, '0')}.${flow}`
}

/** @returns undefined if it is none */
export function parseFlowName(value: unknown): FlowName | undefined {
  const found = typeof value === 'string' ? /^([0-9a-f]{8})\.(0|[1-9]\d{0,9})$/.exec(value) : null
  if (found === null) return undefined
  const name = { channel: Number.parseInt(found[1] ?? '', 16), flow: Number(found[2]) }
  return name.flow <= MAX_FLOW ? name : undefined
}

const MAX_FLOW = 0xffff_ffff
