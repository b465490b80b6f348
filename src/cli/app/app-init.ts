import { mkdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { parseAppName } from '../../core/app/manifest.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { fromNodeError } from '../../net/node-error.ts'
import { type Cli, pathOf } from '../context.ts'
import { print, printData } from '../output/show.ts'
import { findAppFiles } from './app-files.ts'
import { makeAppFiles } from './app-template.ts'

/** `ztm app init NAME`: a new folder with an app that works. */
export async function initApp(cli: Cli, typed: string): Promise<void> {
  const folder = pathOf(cli, typed)
  const name = parseAppName(basename(folder))
  const files = makeAppFiles(name, await findAppFiles().types())
  const action = `Cannot make app ${quote(name)}`
  try {
    await mkdir(folder, { recursive: true })
    for (const [path, text] of Object.entries(files)) {
      const file = join(folder, path)
      await mkdir(dirname(file), { recursive: true })
      // What is there already is somebody's work.
      await writeFile(file, text, { flag: 'wx' })
    }
  } catch (error) {
    if ((error as { code?: unknown }).code === 'EEXIST')
      throw new MeshError('conflict', `${action}: ${quote(folder)} has files of an app already`)
    throw fromNodeError(error, action)
  }
  if (cli.options.output === 'table') print(cli, `Made app ${name}: run it with \`ztm app dev ${typed}\`\n`)
  else await printData(cli, { name, folder })
}
