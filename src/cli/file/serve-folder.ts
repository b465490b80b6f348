import { randomBytes, randomUUID } from 'node:crypto'
import { greetFarTree } from '../../apps/sync/tree-link.ts'
import { formatAddress, parseAddress } from '../../core/model/address.ts'
import { MeshError } from '../../core/model/errors.ts'
import { serveLoopback } from '../../net/loopback-server.ts'
import { openLocalStream } from '../../net/open-local-stream.ts'
import { encodeSmallMessage } from '../../sdk/for-apps/small-message.ts'
import { answerRequest, createShare } from '../../webdav/answer-request.ts'
import { createCallerCheck } from '../../webdav/check-caller.ts'
import { agentPlace } from '../api-client.ts'
import { type Cli, remainingMs } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { showThing } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { readInput } from '../read-input.ts'
import { readPlace } from './sync-place.ts'
import { createTrees } from './tree-source.ts'

/** What `file serve` was told. */
export interface ServeWords {
  readonly listen: string
  /** Where the password is; a new one is made without it. */
  readonly passwordFile?: string
}

/** `ztm file serve [ep:]path`: a folder as a WebDAV share on this computer, until Ctrl-C. */
export async function serveFolder(cli: Cli, text: string, words: ServeWords): Promise<void> {
  const place = await choosePlace(cli)
  const message = encodeSmallMessage({ kind: 'open-tree', at: readPlace(cli, text, place) })
  const path = `/api/meshes/${encodeURIComponent(place.mesh.name)}/apps/ztm/sync/stream`
  await using trees = createTrees(async () => {
    const stream = await openLocalStream(await agentPlace(cli), path, remainingMs(cli))
    stream.write(message)
    try {
      return await greetFarTree(stream)
    } catch (error) {
      stream.destroy()
      throw error
    }
  })
  const { opened } = await trees.take()
  if (opened.name !== '')
    throw new MeshError('bad-input', `Cannot serve "${visible(text)}": there is no such folder`)
  const password =
    words.passwordFile === undefined ? makePassword() : await readPassword(cli, words.passwordFile)
  const now = () => cli.world.clock.now()
  const share = createShare({ trees, now, makeId: randomUUID, foldsNames: opened.foldsNames })
  const check = createCallerCheck({ user: USER, password, now })
  await using server = await serveLoopback(parseAddress(words.listen), async (request, at) => {
    const hosts = namesOf(at.port)
    return check(request, hosts) ?? (await answerRequest(share, request, hosts))
  })
  cli.deadlineMs = undefined
  const interrupt = cli.world.catchInterrupt()
  const url = `http://${formatAddress(server.address)}/`
  const isNew = words.passwordFile === undefined
  const shown = { folder: text, url, user: USER, isReadOnly: opened.isReadOnly, ...(isNew && { password }) }
  await showThing(cli, shown, {
    name: url,
    fields: [
      ['Folder', visible(text)],
      ['May', opened.isReadOnly ? 'be read' : 'be read and changed'],
      ['URL', url],
      ['User', USER],
      ['Password', isNew ? password : 'as in the file'],
      ['Until', 'Ctrl-C'],
    ],
  })
  if (interrupt.aborted) return
  await new Promise<void>(resolve => interrupt.addEventListener('abort', () => resolve(), { once: true }))
}

/** How this server is called by who connects to it. */
function namesOf(port: number): ReadonlySet<string> {
  const names = ['127.0.0.1', 'localhost', '[::1]']
  return new Set(names.flatMap(name => [`${name}:${port}`, ...(port === 80 ? [name] : [])]))
}

/** 128 bits, that can be typed. */
function makePassword(): string {
  return randomBytes(16)
    .toString('hex')
    .replace(/.{8}(?!$)/g, '$&-')
}

async function readPassword(cli: Cli, file: string): Promise<string> {
  const password = (await readInput(cli, file, 'the password')).split(/\r?\n/)[0] ?? ''
  if (password.length >= MIN_PASSWORD_CHARACTERS) return password
  throw new MeshError(
    'bad-input',
    `Cannot use the password in "${visible(file)}": write ${MIN_PASSWORD_CHARACTERS} characters or more into its first line`,
  )
}

const USER = 'ztm'
const MIN_PASSWORD_CHARACTERS = 16
