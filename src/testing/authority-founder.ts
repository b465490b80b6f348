// A process that opens the authority of a folder and says its mesh id: `node authority-founder.ts FOLDER NOW WRITES`.
// After that many writes to the folder it is killed as by `kill -9`.
import { openAuthority } from '../pki/authority.ts'
import { openDataFolder } from '../store/data-folder.ts'

const [path = '', now = '', writes = ''] = process.argv.slice(2)

const folder = await openDataFolder(path)
let writesLeft = Number(writes)
const authority = await openAuthority({
  now: Number(now),
  folder: {
    readSecret: name => folder.readSecret(name),
    async writeSecret(name, text) {
      if (writesLeft === 0) process.kill(process.pid, 'SIGKILL')
      writesLeft -= 1
      await folder.writeSecret(name, text)
    },
  },
})
process.stdout.write(`${authority.mesh}\n`)
