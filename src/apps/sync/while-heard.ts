import type { Duplex } from 'node:stream'
import { MeshError } from '../../core/model/errors.ts'

/** Aborts, with `timed-out`, when who is told by this stream has gone. What they still say is not read. */
export function whileHeard(stream: Duplex): AbortSignal {
  const abort = new AbortController()
  const leave = () => abort.abort(new MeshError('timed-out', 'Cannot go on: nobody waits for it'))
  stream.once('close', leave)
  stream.once('end', leave)
  stream.resume()
  return abort.signal
}
