import { readFileSync } from 'node:fs'
import { createSandboxLab } from './sandbox-lab.ts'

// An agent that starts two programs, says which processes they are, and waits to be killed.
const lab = await createSandboxLab()
const idle = await lab.start('console.log("up"); setInterval(() => {}, 1000)', { limits: { memoryMb: 128 } })
const busy = await lab.start('console.log("up"); setTimeout(() => { for (;;); }, 10)', {
  limits: { memoryMb: 128 },
})
for (const one of [idle, busy]) await new Promise(resolve => one.output.once('data', resolve))
// The programs themselves are below the processes that hold them.
const below = (id: number) =>
  lab.jail.walls === 'kernel'
    ? readFileSync(`/proc/${id}/task/${id}/children`, 'utf8').trim().split(' ').map(Number)
    : []
const ids = [idle.id, ...below(idle.id), busy.id, ...below(busy.id)]
process.stdout.write(`${JSON.stringify({ walls: lab.jail.walls, ids })}\n`)
