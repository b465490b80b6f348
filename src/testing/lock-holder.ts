// A second process for the tests of the lock: `node lock-holder.ts FOLDER agent|hub`. It says `locked` and holds on
// until its stdin ends, or says the error's code and message.
import { once } from 'node:events'

import { toMeshError } from '../core/model/errors.ts'
import { openDataFolder } from '../store/data-folder.ts'
import { lockFolder } from '../store/lock.ts'

const [path = '', role] = process.argv.slice(2)

try {
  await using _lock = await lockFolder(await openDataFolder(path), role === 'hub' ? 'hub' : 'agent')
  process.stdout.write('locked\n')
  process.stdin.resume()
  await once(process.stdin, 'end')
} catch (thrown) {
  const { code, message } = toMeshError(thrown)
  process.stdout.write(`${code} ${message}\n`)
}
