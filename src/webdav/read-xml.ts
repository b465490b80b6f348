import sax from 'sax'
import { MeshError } from '../core/model/errors.ts'

/** An element, with its namespaces resolved. */
export interface XmlElement {
  /** Its namespace and name: `DAV:` and `prop`; the namespace is empty for none. */
  readonly space: string
  readonly name: string
  /** Without declarations of namespaces. */
  readonly attributes: readonly { readonly space: string; readonly name: string; readonly value: string }[]
  readonly children: readonly (XmlElement | string)[]
}

/**
 * Read the body of a request as XML: no document type, so no entities but the five of XML itself; no more than `MAX_XML_BYTES`,
 * `MAX_XML_DEPTH` levels and `MAX_XML_ELEMENTS` elements.
 *
 * @returns undefined for an empty body
 * @throws MeshError `bad-input` if it is not well-formed or has a document type, `too-large`
 * @see RFC 4918, sections 8.2 and 20.6
 */
export async function readXml(body: AsyncIterable<Uint8Array>): Promise<XmlElement | undefined> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of body) {
    length += part.length
    if (length > MAX_XML_BYTES)
      throw new MeshError('too-large', `Cannot read XML: over ${MAX_XML_BYTES} bytes`)
    parts.push(part)
  }
  return length === 0 ? undefined : parseXml(decode(Buffer.concat(parts)))
}

function decode(bytes: Uint8Array): string {
  const [first, second] = bytes
  const isWide = (first === 0xfe && second === 0xff) || (first === 0xff && second === 0xfe)
  try {
    return new TextDecoder(isWide ? (first === 0xff ? 'utf-16le' : 'utf-16be') : 'utf-8', {
      fatal: true,
    }).decode(bytes)
  } catch (cause) {
    throw new MeshError('bad-input', 'Cannot read XML: it is not UTF-8', { cause })
  }
}

function parseXml(text: string): XmlElement {
  const parser = sax.parser(true, { xmlns: true, position: false, strictEntities: true })
  const open: { element: XmlElement; children: (XmlElement | string)[] }[] = []
  let root: XmlElement | undefined
  let count = 0
  const take = (child: XmlElement | string) => {
    open.at(-1)?.children.push(child)
  }
  parser.onerror = error => {
    throw new MeshError('bad-input', `Cannot read XML: ${error.message.split('\n')[0]}`, { cause: error })
  }
  parser.ondoctype = () => {
    throw new MeshError('bad-input', 'Cannot read XML: it has a document type, and none is read')
  }
  parser.onopentag = ({ uri: space, local: name, attributes: written }) => {
    count += 1
    if (count > MAX_XML_ELEMENTS || open.length >= MAX_XML_DEPTH)
      throw new MeshError('too-large', 'Cannot read XML: it has too many elements, or too many levels')
    if (root !== undefined && open.length === 0)
      throw new MeshError('bad-input', 'Cannot read XML: it has more than one root')
    const attributes = []
    for (const { prefix, local, uri, value, name: whole } of Object.values(written)) {
      // Namespaces 1.0: a prefix cannot be given back.
      if (prefix === 'xmlns' && value === '' && whole !== 'xmlns')
        throw new MeshError('bad-input', `Cannot read XML: ${whole} is declared as no namespace`)
      if (prefix === 'xmlns') continue
      attributes.push({ space: uri, name: local, value })
    }
    const children: (XmlElement | string)[] = []
    const element = { space, name, attributes, children }
    take(element)
    root ??= element
    open.push({ element, children })
  }
  parser.onclosetag = () => {
    open.pop()
  }
  parser.ontext = take
  parser.oncdata = take
  parser.write(text).close()
  if (root === undefined) throw new MeshError('bad-input', 'Cannot read XML: there is no element')
  return root
}

/** The elements in an element, those of `DAV:` with a name if one is given. */
export function elementsOf(element: XmlElement | undefined, name?: string): XmlElement[] {
  const inner = element?.children.filter(child => typeof child !== 'string') ?? []
  return name === undefined ? inner : inner.filter(child => isDav(child, name))
}

/** Whether it is that element of WebDAV. */
export function isDav(element: XmlElement | undefined, name: string): boolean {
  return element?.space === DAV && element.name === name
}

/** The namespace of WebDAV. */
export const DAV = 'DAV:'
/** Bytes of XML in a request. */
export const MAX_XML_BYTES = 262_144
/** Elements in each other. */
export const MAX_XML_DEPTH = 64
/** Elements in all. */
export const MAX_XML_ELEMENTS = 10_000
