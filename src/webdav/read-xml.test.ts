import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_XML_BYTES, MAX_XML_DEPTH, MAX_XML_ELEMENTS, readXml } from './read-xml.ts'
import { formatRead } from './write-xml.ts'

async function* bytesOf(text: string | Uint8Array): AsyncGenerator<Uint8Array> {
  if (text.length > 0) yield Buffer.from(text as string)
}

const read = (text: string | Uint8Array) => readXml(bytesOf(text))

test('what was read is written so that it stands by itself, and reads the same', async () => {
  const text =
    '<a:x xmlns:a="A:" xmlns:b="B:" b:q="1&amp;" e="2" xml:lang="de"><b:y/>t&#65536;&lt;<![CDATA[<z>]]><n xmlns=""/></a:x>'
  const element = await read(text)
  assert.ok(element)
  const written = formatRead(element)
  assert.equal((await read(`<p xmlns="Q:" xmlns:a0="R:">${written}</p>`))?.children.length, 1)
  assert.equal(formatRead((await read(written)) as never), written)
  assert.match(written, /xml:lang="de"/)
})

test('no document type, no entity, no second root, no prefix without a namespace, and nothing cut is read', async () => {
  for (const bad of [
    '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
    '<a>&nbsp;</a>',
    '<a/><b/>',
    '<a xmlns:b=""><b:c/></a>',
    '<b:a/>',
    '<a',
    '<a><b></a>',
    'text',
    Uint8Array.of(0x3c, 0xff, 0x3e),
  ])
    await assert.rejects(read(bad), { code: 'bad-input' }, String(bad))
  assert.equal(await read(''), undefined)
})

test('XML has limits of bytes, levels and elements', async () => {
  const nested = (depth: number) => '<a>'.repeat(depth) + '</a>'.repeat(depth)
  await read(nested(MAX_XML_DEPTH))
  await assert.rejects(read(nested(MAX_XML_DEPTH + 1)), { code: 'too-large' })
  await assert.rejects(read(`<a>${'<b/>'.repeat(MAX_XML_ELEMENTS)}</a>`), { code: 'too-large' })
  await assert.rejects(read(`<a>${' '.repeat(MAX_XML_BYTES)}</a>`), { code: 'too-large' })
})
