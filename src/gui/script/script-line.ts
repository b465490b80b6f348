import { z } from 'zod'
import {
  answerShape,
  runShape,
  type ScriptEndMessage,
  type ScriptRequest,
  type ScriptRun,
  scriptEndShape,
} from '../../apps/script/messages.ts'
import { MeshError } from '../../core/model/errors.ts'
import { openFrameLine } from '../api/frame-line.ts'

/** What happens to a script that runs at an endpoint. */
export interface ScriptEvents {
  /** It runs: its id there, and what keeps it in. */
  readonly onStart: (run: string, walls: 'kernel' | 'node') => void
  readonly onWrite: (kind: 'output' | 'errors', bytes: Uint8Array) => void
  readonly onEnd: (end: ScriptEndMessage) => void
  /** It was refused, or the line broke, before its end was told. */
  readonly onFail: (error: MeshError) => void
}

/** What is sent to run a script: the request, the bytes that follow it, and what the script reads. */
export interface SentScript {
  readonly request: ScriptRequest
  readonly source: Uint8Array<ArrayBuffer>
  readonly input: Uint8Array<ArrayBuffer>
}

/** A script that runs at an endpoint, as long as this is open. */
export interface ScriptLine {
  /** Tell it to end. Its end is told as any other. */
  stop(): void
  close(): void
}

/** Run a script at an endpoint, with all its input at once. It is killed when the line is closed, or the page is gone. */
export function openScriptLine(
  { mesh, endpoint }: { readonly mesh: string; readonly endpoint: string },
  { request, source, input }: SentScript,
  { onStart, onWrite, onEnd, onFail }: ScriptEvents,
): ScriptLine {
  let isOver = false
  const line = openFrameLine(
    { mesh, app: 'script', shape: answerShape },
    { wish: { endpoint, request }, follows: source },
    {
      onAnswer({ run = '', walls = 'node' }) {
        for (let at = 0; at < input.length; at += INPUT_PIECE_BYTES)
          line.send('input', input.subarray(at, at + INPUT_PIECE_BYTES))
        line.send('input-end', new Uint8Array(0))
        onStart(run, walls)
      },
      onFrame({ kind, payload }) {
        if (kind === 'output' || kind === 'errors') onWrite(kind, payload)
        if (kind !== 'end') return
        const end = scriptEndShape.parse(JSON.parse(new TextDecoder().decode(payload)))
        isOver = true
        line.close()
        onEnd(end)
      },
      onClose(error) {
        if (isOver) return
        isOver = true
        onFail(error ?? new MeshError('link-closed', 'The connection broke: the script was ended'))
      },
    },
  )
  return {
    stop: () => line.send('signal', new TextEncoder().encode('SIGINT')),
    close() {
      isOver = true
      line.close()
    },
  }
}

/** The scripts that run at an endpoint now: of all users for its owner, else one's own. @throws MeshError what it answered */
export function listRunning(mesh: string, endpoint: string): Promise<readonly ScriptRun[]> {
  return new Promise((resolve, reject) => {
    const decoder = new TextDecoder()
    let text = ''
    const line = openFrameLine(
      { mesh, app: 'script', shape: answerShape },
      { wish: { endpoint, request: { kind: 'list' } satisfies ScriptRequest } },
      {
        onAnswer() {},
        onFrame({ kind, payload }) {
          if (kind === 'output') text += decoder.decode(payload, { stream: true })
          if (kind !== 'end') return
          line.close()
          resolve(z.array(runShape).parse(JSON.parse(text)))
        },
        onClose: error =>
          reject(error ?? new MeshError('link-closed', 'Cannot list scripts: the line broke')),
      },
    )
  })
}

/** Kill a script. @throws MeshError `not-found`, and what the endpoint answered else */
export function killScript(mesh: string, endpoint: string, run: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const line = openFrameLine(
      { mesh, app: 'script', shape: answerShape },
      { wish: { endpoint, request: { kind: 'kill', run } satisfies ScriptRequest } },
      {
        onAnswer() {
          line.close()
          resolve()
        },
        onFrame() {},
        onClose: error => reject(error ?? new MeshError('link-closed', 'Cannot kill script: the line broke')),
      },
    )
  })
}

/** Input goes in frames of so much. */
const INPUT_PIECE_BYTES = 16_384
