/**
 * Give the nonce of the page's policy to every style sheet that is made from now on. xterm.js writes its own into the
 * document, without; others would not count.
 */
export function nonceStyles(document: Document): void {
  // The method of this one document, in front of that of all documents.
  if (Object.hasOwn(document, 'createElement')) return
  const nonce = document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce ?? ''
  const create = document.createElement.bind(document)
  Object.defineProperty(document, 'createElement', {
    value(tag: string, options?: ElementCreationOptions) {
      const element = create(tag, options)
      if (element instanceof HTMLStyleElement) element.nonce = nonce
      return element
    },
  })
}
