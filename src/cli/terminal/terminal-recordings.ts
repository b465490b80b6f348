import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import { TERMINAL_API } from '../../apps/terminal/messages.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { whenDrained } from '../../sdk/for-apps/when-drained.ts'
import { type Cli, pathOf } from '../context.ts'
import { report, showList } from '../output/show.ts'
import { ago, bytes } from '../output/words.ts'
import { carryFrames } from './terminal-client.ts'
import { placeOf } from './terminal-open.ts'
import { callTerminal, requestTerminal } from './terminal-place.ts'

/** `ztm terminal recordings EP` */
export async function listRecordings(cli: Cli, endpoint: string): Promise<void> {
  const { mesh } = await placeOf(cli, endpoint)
  const { recordings } = await callTerminal(cli, mesh.name, TERMINAL_API.listRecordings, {
    params: { endpoint },
  })
  await showList(cli, recordings, {
    nameOf: ({ session }) => session,
    columns: [
      { title: 'SESSION', cell: ({ session }) => session },
      { title: 'OF', cell: ({ title }) => title },
      { title: 'BEGAN', cell: ({ startedAtMs }) => ago(cli, startedAtMs) },
      { title: 'SIZE', cell: ({ sizeBytes }) => bytes(sizeBytes) },
      { title: 'STATE', cell: ({ isOpen }) => (isOpen ? 'goes on' : 'ended') },
    ],
  })
}

/** `ztm terminal fetch EP SESSION FILE`: the file is made anew, for its owner alone. */
export async function fetchRecording(
  cli: Cli,
  endpoint: string,
  session: string,
  file: string,
): Promise<void> {
  const path = pathOf(cli, file)
  const { stream } = await requestTerminal(cli, await placeOf(cli, endpoint), { kind: 'recording', session })
  const output = createWriteStream(path, { flags: 'wx', mode: 0o600 })
  const failed = new Promise<never>((_, reject) => {
    output.once('error', cause => {
      const what = `Cannot write ${quote(path, 300)}: ${cause.message}`
      reject(new MeshError('storage-failed', what, { cause }))
    })
  })
  try {
    const carried = carryFrames(stream, ({ kind, payload }) => {
      if (kind === 'end') return 'end'
      if (kind === 'output' && !output.write(Uint8Array.from(payload))) {
        stream.pause()
        whenDrained(output, () => stream.resume())
      }
      return undefined
    })
    if ((await Promise.race([carried, failed])) === 'broken') {
      await rm(path, { force: true })
      throw new MeshError('link-closed', 'Cannot fetch recording: the connection broke')
    }
    output.end()
    await finished(output)
  } finally {
    stream.destroy()
    output.destroy()
  }
  await report(cli, `Wrote ${path}: \`ztm terminal play ${file}\``, {
    name: path,
    data: { session, file: path },
  })
}

/** `ztm terminal erase EP SESSION` */
export async function eraseRecording(cli: Cli, endpoint: string, session: string): Promise<void> {
  const { mesh } = await placeOf(cli, endpoint)
  await callTerminal(cli, mesh.name, TERMINAL_API.eraseRecording, { params: { endpoint, session } })
  await report(cli, `Recording ${session} is erased`, { name: session, data: { session } })
}
