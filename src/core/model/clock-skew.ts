import { MeshError } from './errors.ts'
import { formatSpan } from './time.ts'

/** How far the clocks of two computers may be apart, either way, in ms. */
export const MAX_SKEW_MS = 300_000

/**
 * Refuse clocks that are too far apart: certificates would be good at one and not at the other.
 *
 * @param action  begins the message: `Cannot enrol`
 * @throws MeshError `clock-skew`, naming both times
 */
export function refuseSkew(action: string, endpointMs: number, hubMs: number): void {
  const skewMs = Math.abs(endpointMs - hubMs)
  if (skewMs <= MAX_SKEW_MS) return
  const [ours, hubs] = [endpointMs, hubMs].map(timeMs => new Date(timeMs).toISOString())
  throw new MeshError(
    'clock-skew',
    `${action}: this computer's clock says ${ours}, the hub's ${hubs}, ${formatSpan(skewMs)} apart: set the wrong one`,
  )
}
