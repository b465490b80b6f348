import { versionText } from '../cli/version.ts'

const typed = process.argv.slice(2)
const version = versionText(typed)
if (version !== undefined) process.stdout.write(`${version}\n`)
else {
  const { runInTerminal } = await import('./terminal.ts')
  await runInTerminal(typed)
}
