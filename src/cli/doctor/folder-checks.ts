import { type Stats, statfsSync } from 'node:fs'
import { access, constants, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { toMeshError } from '../../core/model/errors.ts'
import { isFileError } from '../../store/storage-error.ts'
import { type Cli, dataFolderOf } from '../context.ts'
import { bytes } from '../output/words.ts'
import { readSettings } from '../settings.ts'
import { type Finding, faulty, fine, skipped } from './faults.ts'

/** Owner, rights and content of the state folder, and the room on its disk. */
export async function checkFolder(cli: Cli): Promise<Finding[]> {
  const folder = dataFolderOf(cli)
  let stats: Stats
  try {
    stats = await stat(folder)
  } catch (thrown) {
    if (!isFileError(thrown, 'ENOENT')) {
      return [faulty('state folder', 'folder-read-only', toMeshError(thrown).message, { folder })]
    }
    return [faulty('state folder', 'folder-missing', `${folder} does not exist`), checkDisk(dirname(folder))]
  }
  if (!stats.isDirectory()) return [faulty('state folder', 'folder-not-a-folder', `${folder} is a file`)]
  const rights = await checkRights(folder, stats)
  return [rights, ...(await checkFiles(folder)), await checkSettings(cli), checkDisk(folder)]
}

async function checkRights(folder: string, { uid, mode }: Stats): Promise<Finding> {
  const check = 'state folder'
  const self = process.getuid?.()
  if (self !== undefined && uid !== self && self !== 0) {
    return faulty(check, 'folder-foreign', `${folder} belongs to user id ${uid}, this is ${self}`, { folder })
  }
  if (self !== undefined && (mode & 0o022) !== 0) {
    return faulty(check, 'folder-open', `others can write to ${folder} (mode ${octal(mode)})`, { folder })
  }
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    return faulty(check, 'folder-read-only', `${folder} cannot be written to`, { folder })
  }
  return fine(check, folder)
}

/** Files of another user mean that something ran with sudo; secrets others can read are as good as told. */
async function checkFiles(folder: string): Promise<Finding[]> {
  const check = 'files in it'
  const self = process.getuid?.()
  let names: string[]
  try {
    names = await readdir(folder)
  } catch {
    return [skipped(check, 'the folder cannot be read')]
  }
  if (self === undefined) return [skipped(check, 'rights are not looked at on this system')]
  const owner = (await stat(folder)).uid
  const findings: Finding[] = []
  for (const name of names) {
    const file = join(folder, name)
    const stats = await stat(file).catch(() => undefined)
    if (stats === undefined) continue
    if (stats.uid !== owner) {
      findings.push(faulty(check, 'file-foreign', `${file} belongs to user id ${stats.uid}`, { folder }))
    } else if (stats.isFile() && SECRET.test(name) && (stats.mode & 0o077) !== 0) {
      findings.push(
        faulty(check, 'file-open', `others can read ${file} (mode ${octal(stats.mode)})`, { file }),
      )
    }
  }
  return findings.length > 0 ? findings : [fine(check, 'owner and rights are right')]
}

async function checkSettings(cli: Cli): Promise<Finding> {
  try {
    const { mesh, agent } = await readSettings(cli)
    const set = [mesh && `mesh ${mesh}`, agent && `agent ${agent}`].filter(Boolean)
    return fine('settings', set.length === 0 ? 'none' : set.join(', '))
  } catch (thrown) {
    return faulty('settings', 'settings-broken', toMeshError(thrown).message)
  }
}

function checkDisk(folder: string): Finding {
  try {
    const { bavail, bsize } = statfsSync(folder)
    const free = bavail * bsize
    const detail = `${bytes(free)} free at ${folder}`
    if (free < FULL_BYTES) return faulty('disk', 'disk-full', detail)
    return free < LOW_BYTES ? faulty('disk', 'disk-low', detail) : fine('disk', detail)
  } catch {
    return skipped('disk', `${folder} cannot be looked at`)
  }
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0')
}

/** Keys, tokens, and databases, which hold keys. */
const SECRET = /\.(?:key|pem|token|db|db-wal|json)$/
/** Less than a write of the database may take. */
const FULL_BYTES = 2_000_000
const LOW_BYTES = 100_000_000
