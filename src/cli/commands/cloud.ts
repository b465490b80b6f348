import { basename } from 'node:path'
import type { Command } from 'commander'
import { FILES_API } from '../../apps/files/messages.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { defineMirror } from '../file/define-copy.ts'
import { type FetchWords, fetchToFolder, listJobs } from '../files/fetch-files.ts'
import { addAccessOptions, defineEraseFile, defineFilesConfig, parseVersion } from '../files/file-commands.ts'
import { callFiles } from '../files/files-place.ts'
import { type FindWords, listFiles } from '../files/list-files.ts'
import {
  type AccessWords,
  type PublishWords,
  publishFile,
  shareFile,
  withdrawFile,
} from '../files/publish-files.ts'
import { choosePlace } from '../mesh-choice.ts'

/** `ztm cloud config|ls|share|upload|download|unpublish|mirror|erase …`: other words for `ztm file`, with a folder for downloads. */
export function defineCloud(command: Command, cli: Cli): void {
  command.description(
    'Files of the mesh, with a folder of their own on this computer. The same as `ztm file`.',
  )
  defineFilesConfig(command, cli)
  const ls = command
    .command('ls')
    .summary('List what is published')
    .argument('[path]', '/users/USER/NAME, or NAME of your own; all if left out')
    .option('--hash', 'show the hash of each')
    .action((path: string | undefined, words: FindWords) => listFiles(cli, path, words))
  addExamples(ls, 'ztm cloud ls', 'ztm cloud ls /users/bob --hash')
  const share = addAccessOptions(
    command
      .command('share')
      .summary('Show or change who may see it')
      .argument('<path>', 'what you have published'),
  ).action((path: string, words: AccessWords) => shareFile(cli, path, words))
  addExamples(share, 'ztm cloud share report.pdf --users alice')
  const upload = addAccessOptions(
    command
      .command('upload')
      .summary('Publish a file or folder')
      .argument('<path>', 'below the folder, or anywhere'),
  ).action((path: string, words: PublishWords) => upLoad(cli, path, words))
  addExamples(upload, 'ztm cloud upload ~/ztmCloud/users/ann/report.pdf')
  const download = command
    .command('download')
    .summary('Fetch a file or tree into the folder')
    .argument('[path]', 'what; the list of downloads if left out')
    .option('--force', 'replace what is there')
    .option('--old <version>', 'as it was: the number of a version, see `ztm file versions`', parseVersion)
    .action((path: string | undefined, words: FetchWords) =>
      path === undefined ? listJobs(cli) : fetchToFolder(cli, path, words),
    )
  addExamples(download, 'ztm cloud download /users/bob/photos', 'ztm cloud download')
  const unpublish = command
    .command('unpublish')
    .summary('Withdraw it; the file stays where it is')
    .argument('<path>', 'what you have published')
    .action((path: string) => withdrawFile(cli, path, false))
  addExamples(unpublish, 'ztm cloud unpublish report.pdf')
  defineMirror(command.command('mirror'), cli)
  defineEraseFile(command.command('erase').summary('Withdraw it, and remove it from disk'), cli)
  addExamples(command, 'ztm cloud ls', 'ztm cloud download /users/bob/photos')
}

/** What is in the folder, below one's own place, has its name from there. */
async function upLoad(cli: Cli, path: string, words: PublishWords): Promise<void> {
  const { mesh, endpoint } = await choosePlace(cli)
  const { folder } = await callFiles(cli, mesh.name, FILES_API.showFilesConfig, { params: { endpoint } })
  const own = `${folder}/users/${mesh.endpoint.user}/`
  const name = path.startsWith(own) ? path.slice(own.length) : basename(path)
  await publishFile(cli, path, { ...words, as: name })
}
