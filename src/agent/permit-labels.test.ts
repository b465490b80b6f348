import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { parseName } from '../core/model/names.ts'
import { formatPermit, parsePermit } from '../core/model/permit.ts'
import { createLocalMesh } from '../testing/local-mesh.ts'

test('an endpoint gets the labels of the permit it joins with', { timeout: 20_000 }, async () => {
  await using mesh = await createLocalMesh()
  const permit = parsePermit(mesh.permit)
  const labels = [parseName('office'), parseName('third floor')]
  const labelled = formatPermit({ ...permit, agent: { ...permit.agent, labels } })
  const { membership } = await mesh.join('one', { permit: labelled })
  const { endpoints } = await membership.link.call(CONTROLLER_API.listEndpoints, {})
  assert.deepEqual(
    endpoints.map(({ name, labels: given }) => [name, given]),
    [['one', labels]],
  )
})
