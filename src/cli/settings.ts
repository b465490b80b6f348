import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { nameShape } from '../core/api/shapes.ts'
import { MeshError } from '../core/model/errors.ts'
import { fromNodeError } from '../net/node-error.ts'
import { openDataFolder } from '../store/data-folder.ts'
import { isFileError } from '../store/storage-error.ts'
import { type Cli, dataFolderOf } from './context.ts'

const settingsShape = z.strictObject({
  /** The mesh to speak of when none is named. */
  mesh: nameShape.optional(),
  /** Where an agent is reached over TCP, `host:port`; its token stays in `ZTM_TOKEN`. */
  agent: z.string().max(300).optional(),
})

/** What `ztm config` keeps, in `config.json` of the state folder. */
export type Settings = z.output<typeof settingsShape>

/**
 * The settings of this state folder; none if it does not exist.
 *
 * @throws MeshError `bad-input` if the file is not of its form, `not-permitted`
 */
export async function readSettings(cli: Cli): Promise<Settings> {
  // Not through `openDataFolder`: an administrator may look at the folder of another user, or of a service.
  const file = join(dataFolderOf(cli), FILE_NAME)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (thrown) {
    if (isFileError(thrown, 'ENOENT') || isFileError(thrown, 'ENOTDIR')) return {}
    throw fromNodeError(thrown, `Cannot read ${file}`)
  }
  const result = settingsShape.safeParse(parseJson(text))
  if (result.success) return result.data
  throw new MeshError(
    'bad-input',
    `Cannot read ${file}: not settings of ztm: mend it, or remove it and use \`ztm config\``,
  )
}

/** Keep settings in the state folder, which is made if there is none. @throws MeshError as `openDataFolder` */
export async function writeSettings(cli: Cli, settings: Settings): Promise<void> {
  const folder = await openDataFolder(dataFolderOf(cli))
  await folder.writeSecret(FILE_NAME, `${JSON.stringify(settings, null, 2)}\n`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const FILE_NAME = 'config.json'
