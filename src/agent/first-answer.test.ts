import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '../core/model/errors.ts'
import type { HubId } from '../core/model/ids.ts'
import type { MeetingPlace } from '../core/path/hub-choice.ts'
import { assertRefused } from '../testing/refusal.ts'
import { ANSWER_TIMES, firstAnswer } from './first-answer.ts'

const place = (id: string | undefined, isLinked = false): MeetingPlace => ({
  id: id as HubId | undefined,
  roundTripMs: undefined,
  isLinked,
})
const DEAD = place('dead')
const CONTROLLER = place(undefined)
const never = () => new Promise<never>(() => {})
const offline = (whose: string) => new MeshError('offline', `Cannot meet: ${whose}`)
/** Only the order counts here. */
const times = { ...ANSWER_TIMES, patienceMs: 1, linkPatienceMs: 1, againMs: 1 }
const isFinal = (_: MeetingPlace, { code }: MeshError) => code === 'denied'

test('a hub that said no is asked again while one that may be dead is waited for', {
  timeout: 60_000,
}, async () => {
  // The hub that died carried both links to the one with the controller: they are opened anew in a moment.
  let asked = 0
  const ask = async ({ id }: MeetingPlace) => {
    if (id !== undefined) return never()
    asked += 1
    if (asked < 3) throw offline('no link')
    return 'met'
  }
  for (const places of [
    [DEAD, CONTROLLER],
    [CONTROLLER, DEAD],
  ]) {
    asked = 0
    assert.equal(await firstAnswer(places, { ask, isFinal, times }), 'met')
  }
})

test('when all have said no it is over, and the word of the hub with the controller counts', async () => {
  const asked: string[] = []
  const ask = async ({ id }: MeetingPlace): Promise<never> => {
    asked.push(id ?? 'controller')
    throw offline(id ?? 'controller')
  }
  await assertRefused(firstAnswer([DEAD, CONTROLLER], { ask, isFinal }), 'offline', /controller/)
  assert.deepEqual(asked, ['dead', 'controller'])
  await assertRefused(firstAnswer([DEAD, place('other')], { ask, isFinal }), 'offline', /dead/)
  await assertRefused(firstAnswer([], { ask, isFinal }), 'offline', /no other hub/)
})

test('two that fail in turns are not asked for ever', { timeout: 60_000 }, async () => {
  let asked = 0
  const ask = async (): Promise<never> => {
    asked += 1
    await new Promise(resolve => setTimeout(resolve, 10))
    throw offline('slowly')
  }
  const limits = { ...times, linkPatienceMs: 5, againMs: 5, longestMs: 200 }
  await assertRefused(firstAnswer([DEAD, CONTROLLER], { ask, isFinal, times: limits }), 'offline')
  const before = asked
  await new Promise(resolve => setTimeout(resolve, 50))
  assert.equal(asked, before, 'nothing is asked after the end')
})

test('what is final ends it at once, and a hub that answers first is enough', {
  timeout: 60_000,
}, async () => {
  const denied = async ({ id }: MeetingPlace) => {
    if (id !== undefined) return never()
    throw new MeshError('denied', 'Cannot meet: no rule')
  }
  await assertRefused(firstAnswer([DEAD, CONTROLLER], { ask: denied, isFinal, times }), 'denied')
  const ask = async ({ id }: MeetingPlace) => id ?? 'controller'
  assert.equal(await firstAnswer([place('near', true), CONTROLLER], { ask, isFinal }), 'near')
})
