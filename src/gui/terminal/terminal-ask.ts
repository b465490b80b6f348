import { type SessionInfo, sessionShape, type TerminalRequest } from '../../apps/terminal/messages.ts'
import { MeshError } from '../../core/model/errors.ts'
import { type GoodAnswer, openLine, type TerminalLine } from './terminal-line.ts'

/** Ask the terminal app of an endpoint something that has an answer and nothing after it: share, close. @throws MeshError what it answered */
export function askTerminal(mesh: string, endpoint: string, request: TerminalRequest): Promise<GoodAnswer> {
  return new Promise((resolve, reject) => {
    const line: TerminalLine = openLine(mesh, endpoint, request, {
      onOpen(_session, _from, answer) {
        resolve(answer)
        line.close()
      },
      onOutput() {},
      onNotice() {},
      onEnd() {},
      onClose: error => reject(error ?? broken()),
    })
  })
}

/**
 * Read what the terminal app of an endpoint has to give: a list, a recording.
 *
 * @param onProgress  bytes that came so far
 * @throws MeshError what it answered; `too-large`, `link-closed`
 */
export function readTerminal(
  mesh: string,
  endpoint: string,
  request: TerminalRequest,
  onProgress: (byteCount: number) => void = () => {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const pieces: Uint8Array<ArrayBuffer>[] = []
    let byteCount = 0
    const line: TerminalLine = openLine(mesh, endpoint, request, {
      onOpen() {},
      onOutput(bytes) {
        byteCount += bytes.length
        if (byteCount > MAX_READ_BYTES) {
          reject(new MeshError('too-large', 'Cannot show it here: over 64 MiB: use `ztm terminal fetch`'))
          line.close()
          return
        }
        pieces.push(Uint8Array.from(bytes))
        onProgress(byteCount)
      },
      onNotice() {},
      onEnd() {
        line.close()
        new Blob(pieces).text().then(resolve, reject)
      },
      onClose: error => reject(error ?? broken()),
    })
  })
}

/** The sessions of an endpoint that one may attach to. @throws MeshError as `readTerminal`; `bad-message` */
export async function listSessions(mesh: string, endpoint: string): Promise<readonly SessionInfo[]> {
  const text = await readTerminal(mesh, endpoint, { kind: 'list' })
  try {
    return sessionShape.array().parse(JSON.parse(text))
  } catch {
    throw new MeshError('bad-message', 'Cannot list sessions: the answer is none')
  }
}

function broken(): MeshError {
  return new MeshError('link-closed', 'Cannot ask for it: the line broke')
}

/** A browser holds it whole, and once more as text. */
const MAX_READ_BYTES = 67_108_864
