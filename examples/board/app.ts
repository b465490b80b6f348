import { defineApp } from 'ztm/app'

/** Each endpoint keeps its own notes, and shows them to those of the others. */
export default defineApp({
  onStream: async (stream, host) => stream.end(JSON.stringify(await host.storage.list())),
  async onRequest(request, host) {
    if (request.method === 'POST') {
      const key = `${host.clock.now()}-${crypto.randomUUID()}`
      const note = { text: await request.text(), by: host.endpoint.name }
      await host.storage.put(key, note)
      return Response.json(note, { status: 201 })
    }
    const boards = await host.peers()
    const notes = boards.map(async peer => (await host.dial(peer)).json<object[]>())
    const known = await Promise.allSettled(notes)
    return Response.json(known.flatMap(one => (one.status === 'fulfilled' ? one.value : [])))
  },
})
