import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { EN, type TextKey } from './en.ts'
import { createSay } from './texts.ts'
import { ZH } from './zh.ts'

test('every text stands in one catalogue, and in both languages fills in the same', async () => {
  const folder = join(import.meta.dirname, 'en')
  const keys: string[] = []
  for (const file of readdirSync(folder)) {
    const catalogues: Record<string, object> = await import(join(folder, file))
    keys.push(...Object.values(catalogues).flatMap(catalogue => Object.keys(catalogue)))
  }
  // One that stood in two would be shown as whatever the later says.
  assert.deepEqual(
    keys.filter((key, index) => keys.indexOf(key) !== index),
    [],
  )
  const holes = (text: string) => [...new Set(text.match(/\{\w+\}/g))].sort()
  for (const [key, text] of Object.entries(EN))
    assert.deepEqual(holes(ZH[key as keyof typeof EN]), holes(text), key)
})

test('createSay() says what it has no text for as it is', () => {
  assert.equal(createSay('en')('path.by-pigeon' as TextKey), 'path.by-pigeon')
  assert.equal(createSay('zh')('constructor' as TextKey), 'constructor')
})
