// Chapters before the reference of the package: what a reader looks for is explained in the first.
var Scorer = {
  score: ([docname, , , , score]) => (/^(book\/api|book\/changelog)/.test(docname) ? score - 1000 : score),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
