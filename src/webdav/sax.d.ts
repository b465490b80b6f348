/** What we use of the package `sax`, which brings no types. */
declare module 'sax' {
  interface XmlName {
    /** As written, with its prefix. */
    readonly name: string
    readonly prefix: string
    readonly local: string
    /** Of its namespace; empty for none. */
    readonly uri: string
  }
  interface XmlTag extends XmlName {
    readonly attributes: Readonly<Record<string, XmlName & { readonly value: string }>>
  }
  interface Parser {
    onerror: (error: Error) => void
    ondoctype: (text: string) => void
    onopentag: (tag: XmlTag) => void
    onclosetag: (name: string) => void
    ontext: (text: string) => void
    oncdata: (text: string) => void
    write(text: string): Parser
    close(): Parser
  }
  interface Options {
    readonly xmlns: true
    readonly position: false
    readonly strictEntities: true
  }
  const sax: { parser(isStrict: true, options: Options): Parser }
  export = sax
}
