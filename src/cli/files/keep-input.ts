import { createWriteStream } from 'node:fs'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { FILES_API } from '../../apps/files/messages.ts'
import { parseDiskPath } from '../../core/files/disk-path.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { fromNodeError } from '../../net/node-error.ts'
import type { Cli } from '../context.ts'
import type { Place } from '../mesh-choice.ts'
import { callFiles } from './files-place.ts'

/**
 * Put what comes on standard input into the download folder, where something that is to be published has to be: whole, or not at
 * all. A file of that name that is there stays, unless it is what was published under that name before.
 *
 * @param name  in the mesh, below one's own place: `docs/report.pdf`
 * @returns the file
 * @throws MeshError `bad-usage` for another endpoint, `conflict`, `bad-name`, those of the disk
 */
export async function keepInput(
  cli: Cli,
  { mesh, endpoint, isChosen }: Place,
  name: string,
): Promise<string> {
  if (isChosen)
    throw new MeshError(
      'bad-usage',
      'Cannot publish from standard input at another endpoint: `ztm file cp` brings a file there first',
    )
  const params = { endpoint }
  const { folder } = await callFiles(cli, mesh.name, FILES_API.showFilesConfig, { params })
  if (!isAbsolute(folder)) throw new MeshError('bad-message', `Cannot publish: ${quote(folder)} is no folder`)
  const file = join(folder, 'users', mesh.endpoint.user, ...parseDiskPath(name).split('/'))
  const { items } = await callFiles(cli, mesh.name, FILES_API.listHeld, { params })
  const isThere = await stat(file).then(
    () => true,
    () => false,
  )
  if (isThere && !items.some(item => item.source === file && !item.isCopy))
    throw new MeshError('conflict', `Cannot publish from standard input: ${quote(file)} is there already`)
  // It takes as long as whoever writes it.
  cli.deadlineMs = undefined
  const aside = join(dirname(file), `.ztm-input-${process.pid}-${basename(file)}`.slice(0, 200))
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o755 })
    await pipeline(
      cli.world.console().input,
      createWriteStream(aside, { flags: 'wx', mode: 0o644, flush: true }),
    )
    await rename(aside, file)
  } catch (error) {
    await rm(aside, { force: true })
    throw fromNodeError(error, `Cannot publish from standard input as ${quote(file)}`)
  }
  return file
}
