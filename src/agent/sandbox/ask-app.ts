import { z } from 'zod'
import type { Bridge } from '../../core/app/bridge.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { AppRequest, AppResponse } from '../app-runner.ts'
import { duplexOver } from './bridge-duplex.ts'

const answerShape = z.object({
  status: z.int().min(200).max(599),
  headers: z.array(z.tuple([z.string().max(256), z.string().max(16_384)])).max(100),
})

/**
 * Ask the process of an app.
 *
 * @throws MeshError what the app threw, `bad-message` for an answer that is none, `too-large`, `timed-out`, `link-closed`
 */
export async function askApp(bridge: Bridge, request: AppRequest): Promise<AppResponse> {
  const { method, path, headers, body, caller } = request
  const near = bridge.open()
  const stream = duplexOver(near)
  const late = setTimeout(
    () =>
      stream.destroy(new MeshError('timed-out', `Cannot ask app: no answer in ${ASK_TIMEOUT_MS / 1_000} s`)),
    ASK_TIMEOUT_MS,
  )
  try {
    stream.end(body.length > 0 ? body : undefined)
    const broken = new Promise<never>((_, reject) => stream.once('error', reject))
    broken.catch(() => {})
    const asked = bridge.call('request', {
      stream: near.id,
      method,
      url: new URL(path, 'http://localhost').href,
      headers: Object.entries(headers).filter(([name]) => !KEPT_BACK.has(name)),
      caller:
        caller.source === 'user'
          ? { source: 'user' }
          : { source: 'peer', endpoint: caller.identity.endpoint, user: caller.identity.user },
    })
    const parsed = answerShape.safeParse(await Promise.race([asked, broken]))
    if (!parsed.success) throw new MeshError('bad-message', 'Cannot ask app: its answer is none')
    const content = await Promise.race([readAll(stream), broken])
    return {
      status: parsed.data.status,
      headers: Object.fromEntries(parsed.data.headers.map(([name, value]) => [name.toLowerCase(), value])),
      body: content,
    }
  } finally {
    clearTimeout(late)
    stream.destroy()
  }
}

async function readAll(stream: ReturnType<typeof duplexOver>): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let byteCount = 0
  for await (const chunk of stream) {
    byteCount += (chunk as Buffer).length
    if (byteCount > MAX_ANSWER_BYTES)
      throw new MeshError('too-large', `Cannot ask app: it answers over ${MAX_ANSWER_BYTES} bytes`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

/** Of the person's login at the agent, and of one connection: nothing of an app's. */
const KEPT_BACK: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'connection',
  'host',
  'content-length',
])
const ASK_TIMEOUT_MS = 60_000
const MAX_ANSWER_BYTES = 16_777_216
