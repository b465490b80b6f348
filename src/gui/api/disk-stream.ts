import {
  type CopyEvent,
  type CopyPlaceName,
  copyEventShape,
  type DiskChangeRequest,
} from '../../core/files/copy-request.ts'
import { MeshError, parseErrorBody } from '../../core/model/errors.ts'
import { readKey } from './login.ts'

type Ended = Extract<CopyEvent, { event: 'ended' }>

/**
 * Ask for something on the disk of an endpoint, by the sync app's stream, which tells of it in lines of JSON.
 *
 * @param terms  what is told goes to `onEvent`; `signal` breaks it off
 * @returns what came of it in all
 * @throws MeshError why it was refused; `link-closed` if it was cut or broken off; `bad-message`
 */
export function askDisk(
  mesh: string,
  request: DiskChangeRequest | { readonly kind: 'list-files'; readonly at: CopyPlaceName },
  { onEvent, signal }: { onEvent: (event: CopyEvent) => void; signal: AbortSignal },
): Promise<Ended> {
  const path = `/api/meshes/${encodeURIComponent(mesh)}/apps/ztm/sync/stream`
  const socket = new WebSocket(path, ['ztm-stream', `ztm-key.${readKey()}`])
  socket.binaryType = 'arraybuffer'
  const decoder = new TextDecoder()
  let text = ''
  return new Promise((resolve, reject) => {
    const take = (line: string) => {
      const event = copyEventShape.parse(JSON.parse(line))
      if (event.event === 'refused')
        reject(parseErrorBody(event.error) ?? new MeshError('bad-message', 'Refused without a reason'))
      else if (event.event === 'ended') resolve(event)
      else return onEvent(event)
      socket.close()
    }
    socket.onopen = () => {
      const wish = new TextEncoder().encode(JSON.stringify(request))
      const message = new Uint8Array(2 + wish.length)
      message.set([wish.length >> 8, wish.length & 0xff])
      message.set(wish, 2)
      socket.send(message)
    }
    socket.onmessage = ({ data }) => {
      text += decoder.decode(data as ArrayBuffer, { stream: true })
      const lines = text.split('\n')
      text = lines.pop() ?? ''
      try {
        lines.forEach(take)
      } catch {
        socket.close()
        reject(new MeshError('bad-message', 'Cannot read disk: the answer is not of its form'))
      }
    }
    socket.onclose = () => reject(new MeshError('link-closed', 'Cannot read disk: the connection broke'))
    const leave = () => {
      reject(new MeshError('link-closed', 'Cannot go on: it was broken off'))
      // Browsers complain of one that is closed before it is open.
      if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close()
      else socket.close()
    }
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
  })
}
