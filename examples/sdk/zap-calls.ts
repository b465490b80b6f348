// A service of typed calls and streams: `host` answers, `add` and `count` ask.
//
//     node zap-calls.ts host
//     node zap-calls.ts add 1 2
//     node zap-calls.ts count 3
import { z } from 'zod'
import { createContext, zap } from 'ztm/sdk'

const ADD = zap.method('add', zap.json(z.array(z.number())), zap.json(z.number()))
const COUNT = zap.method('count', zap.json(z.number()), zap.json(z.number()))

const [role, ...args] = process.argv.slice(2)
const numbers = args.map(Number)

if (role === 'host') {
  const ztm = createContext({ mode: 'host' })
  zap.serve(await ztm.listen('calculator'), {
    ...zap.answer(ADD, terms => terms.reduce((sum, term) => sum + term, 0)),
    ...zap.answer(COUNT, async function* (upTo) {
      for (let number = 1; number <= upTo; number++) yield number
    }),
  })
  console.log('hosting calculator')
} else {
  const ztm = createContext({ mode: 'dial' })
  const calculator = zap.client(await ztm.dial('calculator'))
  if (role === 'add') console.log(await calculator.call(ADD, numbers, { deadlineMs: 5_000 }))
  else for await (const number of calculator.stream(COUNT, numbers[0] ?? 3)) console.log(number)
  await ztm.close()
}
