// What Faiss can do and its C API cannot: an index over bytes that are mapped already, effort and filter per query, and
// writing to an open file. Every function catches what Faiss throws, writes its message and returns nonzero.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>

#include <unistd.h>

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexNNDescent.h>
#include <faiss/IndexNSG.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/impl/zerocopy_io.h>
#include <faiss/index_io.h>

namespace {

constexpr size_t MESSAGE_BYTES = 512;
constexpr uint32_t NO_ROW = UINT32_MAX;

template <typename Action>
int guarded(char* message, Action action) {
    const char* what = "unknown exception";
    message[0] = 0;
    try {
        action();
        return 0;
    } catch (const std::exception& error) {
        std::snprintf(message, MESSAGE_BYTES, "%s", error.what());
    } catch (...) {
        std::snprintf(message, MESSAGE_BYTES, "%s", what);
    }
    return 1;
}

} // namespace

extern "C" {

// Rows that a search admits. A node of the index stands for the row `rows[node]` and for those that follow it in
// `next` (chains of rows with equal vectors; null where all differ).
struct AlikeAdmitted {
    const uint64_t* words;  // one bit per row
    size_t row_count;
    const uint32_t* rows;  // per node
    size_t node_count;
    const uint32_t* next;  // per row, or null
};

// What the search asked of the filter.
struct AlikeTested {
    uint64_t nodes;
    uint64_t admitted;
};

} // extern "C"

namespace {

// Every place is checked: the sections it reads are not Faiss's, and may be damaged.
struct Selector : faiss::IDSelector {
    const AlikeAdmitted& set;
    AlikeTested& tested;

    Selector(const AlikeAdmitted& set, AlikeTested& tested) : set(set), tested(tested) {}

    bool is_member(faiss::idx_t node) const override {
        tested.nodes++;
        if (node < 0 || static_cast<size_t>(node) >= set.node_count) {
            return false;
        }
        for (uint32_t row = set.rows[node]; row < set.row_count;) {
            if (set.words[row / 64] >> (row % 64) & 1) {
                tested.admitted++;
                return true;
            }
            uint32_t later = set.next ? set.next[row] : NO_ROW;
            if (later <= row) {
                return false;
            }
            row = later;
        }
        return false;
    }
};

// One query's parameters, of whichever type the index wants. `of` gives null where it wants none.
struct Parameters {
    faiss::SearchParameters plain;
    faiss::SearchParametersHNSW hnsw;
    faiss::SearchParametersIVF ivf;
    faiss::IndexRefineSearchParameters refine;

    faiss::SearchParameters* of(const faiss::Index* index, size_t effort, faiss::IDSelector* selector) {
        if (auto transformed = dynamic_cast<const faiss::IndexPreTransform*>(index)) {
            return of(transformed->index, effort, selector);
        }
        if (auto refined = dynamic_cast<const faiss::IndexRefine*>(index)) {
            refine.base_index_params = of(refined->base_index, effort, selector);
            return &refine;
        }
        if (dynamic_cast<const faiss::IndexHNSW*>(index)) {
            hnsw.efSearch = static_cast<int>(effort);
            hnsw.sel = selector;
            return &hnsw;
        }
        if (auto lists = dynamic_cast<const faiss::IndexIVF*>(index)) {
            // An effort of 1,024 looks into every list.
            size_t probes = (lists->nlist * effort + 1023) / 1024;
            ivf.nprobe = probes < 1 ? 1 : probes > lists->nlist ? lists->nlist : probes;
            ivf.sel = selector;
            return &ivf;
        }
        plain.sel = selector;
        return selector ? &plain : nullptr;
    }
};

// Whether the index compares a query with few enough rows that do not pass, and never stops because of them.
bool selects(const faiss::Index* index) {
    if (auto transformed = dynamic_cast<const faiss::IndexPreTransform*>(index)) {
        return selects(transformed->index);
    }
    return dynamic_cast<const faiss::IndexIVF*>(index) || dynamic_cast<const faiss::IndexFlat*>(index) ||
            dynamic_cast<const faiss::IndexScalarQuantizer*>(index);
}

} // namespace

extern "C" {

// Reads an index out of `bytes`, which must stay where they are for as long as it lives: what Faiss can use in place
// stays in place.
int alike_faiss_open(const uint8_t* bytes, size_t len, faiss::Index** index, char* message) {
    return guarded(message, [&] {
        faiss::ZeroCopyIOReader reader(bytes, len);
        *index = faiss::read_index(&reader);
    });
}

// Writes an index to an open file descriptor, which stays open.
int alike_faiss_write(const faiss::Index* index, int descriptor, char* message) {
    return guarded(message, [&] {
        int copy = dup(descriptor);
        std::unique_ptr<FILE, int (*)(FILE*)> file(copy < 0 ? nullptr : fdopen(copy, "wb"), fclose);
        if (!file) {
            throw faiss::FaissException("could not use the temporary file");
        }
        faiss::write_index(index, file.get());
        if (fflush(file.get()) != 0) {
            throw faiss::FaissException("could not write the temporary file");
        }
    });
}

// Sets the candidates kept while a graph is built; other indexes have no such thing.
void alike_faiss_set_ef_construction(faiss::Index* index, int ef_construction) {
    if (auto transformed = dynamic_cast<faiss::IndexPreTransform*>(index)) {
        alike_faiss_set_ef_construction(transformed->index, ef_construction);
    } else if (auto refined = dynamic_cast<faiss::IndexRefine*>(index)) {
        alike_faiss_set_ef_construction(refined->base_index, ef_construction);
    } else if (auto graph = dynamic_cast<faiss::IndexHNSW*>(index)) {
        graph->hnsw.efConstruction = ef_construction;
    }
}

// Whether vectors can be added in steps; otherwise all of them go in at once.
int alike_faiss_grows(const faiss::Index* index) {
    if (auto transformed = dynamic_cast<const faiss::IndexPreTransform*>(index)) {
        return alike_faiss_grows(transformed->index);
    }
    if (auto refined = dynamic_cast<const faiss::IndexRefine*>(index)) {
        return alike_faiss_grows(refined->base_index);
    }
    return !dynamic_cast<const faiss::IndexNSG*>(index) && !dynamic_cast<const faiss::IndexNNDescent*>(index);
}

// Whether a filter is better given to `alike_faiss_search` than applied to what it finds.
int alike_faiss_selects(const faiss::Index* index) {
    return selects(index);
}

// The `count` nodes nearest to `query` as Faiss compares them; -1 where it found fewer. `admitted` may be null.
int alike_faiss_search(
        const faiss::Index* index,
        const float* query,
        size_t count,
        size_t effort,
        const AlikeAdmitted* admitted,
        AlikeTested* tested,
        float* distances,
        int64_t* nodes,
        char* message) {
    return guarded(message, [&] {
        std::unique_ptr<Selector> selector(admitted ? new Selector(*admitted, *tested) : nullptr);
        Parameters parameters;
        faiss::SearchParameters* chosen = parameters.of(index, effort, selector.get());
        index->search(1, query, static_cast<faiss::idx_t>(count), distances, nodes, chosen);
    });
}

} // extern "C"
