/* A memory image under a guest's linear memory, and the way back to it.

   The image is a sealed file in memory, mapped private over the guest's memory: the kernel gives the guest a copy of
   each page that it writes, and the page table tells which those are. A page without a copy of its own *is* the page
   of the file; so `edgefaas_restore` copies only the others, and every byte is the image's again whatever the guest
   did. Nothing here depends on the guest's good behaviour, nor on the engine's. See docs/adr/0111. */

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u
#define WINDOW 512u            /* pages looked at in one read */
#define PRESENT_OR_SWAPPED 62  /* bits 62 and 63 of an entry of /proc/self/pagemap */
#define FILE_PAGE 61           /* set for pages of a file: not (yet) the guest's own */
#define RENEW_AFTER 256u       /* restores after which copies that are no longer written are given back */

/* As images.py lays it out. */
typedef struct {
    uint8_t *bytes;         /* the file, mapped for reading */
    uint64_t offset, size;  /* where in linear memory it belongs: whole pages */
    int64_t file;
} Image;

typedef struct {
    const Image *image;
    uint8_t *base;          /* the linear memory over which the image is mapped; NULL while it is not */
    uint64_t mapped;        /* bytes of linear memory that are mapped by us */
    uint32_t restores;      /* since then */
    uint32_t usual;         /* pages that the first invocation since then wrote */
    uint64_t copied;        /* pages that the last restore copied or cleared: for tests and figures */
    const Image *wanted;    /* the image to be put back */
} Mirror;

/* The open page table, as descriptor + 1, on a page that a fork leaves empty: it would tell a child of its parent. */
static int *pagemap;

/* 0, or -1 where the kernel does not tell: then nothing else here may be used. */
int edgefaas_images_init(void) {
    if (pagemap) return 0;
    if (sysconf(_SC_PAGESIZE) != PAGE) return -1;
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || madvise(page, PAGE, MADV_WIPEONFORK)) return -1;
    int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    pagemap = page;
    *pagemap = file + 1;
    return 0;
}

int edgefaas_image_open(Image *image) {
    void *at = mmap(NULL, image->size, PROT_READ, MAP_SHARED, (int)image->file, 0);
    image->bytes = at == MAP_FAILED ? NULL : at;
    return image->bytes ? 0 : -1;
}

void edgefaas_image_close(Image *image) {
    if (image->bytes) munmap(image->bytes, image->size);
    image->bytes = NULL;
}

static int blank(uint8_t *at, uint64_t size) {
    return mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == at ? 0 : -1;
}

/* Map the image, zeros around it: the whole memory is the image then, and no page is the guest's own. */
static int lay(Mirror *mirror, const Image *image, uint8_t *base, uint64_t size) {
    mirror->restores = mirror->usual = 0;
    mirror->image = NULL; /* until it is there */
    if ((mirror->base && mirror->base != base) || image->offset + image->size > size) return -1;
    mirror->base = base;
    if (mirror->mapped < size) mirror->mapped = size;
    if (blank(base, size)) return -1;
    void *at = mmap(base + image->offset, image->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED,
                    (int)image->file, 0);
    if (at != base + image->offset) return -1;
    madvise(base, size, MADV_NOHUGEPAGE); /* a huge page would be 512 to clear for one that was written */
    mirror->image = image;
    return 0;
}

/* Make all `size` bytes at `base` those of the image, zeros around it. 0, or -1: they are to be copied in full. */
int edgefaas_restore(Mirror *mirror, uint8_t *base, uint64_t size) {
    const Image *image = mirror->wanted;
    uint64_t entries[WINDOW], copied = 0, pages = size / PAGE;
    uint64_t first = image->offset / PAGE, last = (image->offset + image->size) / PAGE;
    mirror->copied = 0;
    if (mirror->base != base || mirror->image != image || mirror->restores >= RENEW_AFTER)
        return lay(mirror, image, base, size);
    for (uint64_t begin = 0; begin < pages; begin += WINDOW) {
        uint64_t count = pages - begin < WINDOW ? pages - begin : WINDOW;
        off_t where = (off_t)(((uintptr_t)base / PAGE + begin) * sizeof *entries);
        if (pread(*pagemap - 1, entries, count * sizeof *entries, where) != (ssize_t)(count * sizeof *entries)) return -1;
        for (uint64_t i = 0; i < count; i++) {
            if (!(entries[i] >> PRESENT_OR_SWAPPED)) continue;
            uint64_t page = begin + i;
            if (page < first || page >= last)
                memset(base + page * PAGE, 0, PAGE);
            else if (!(entries[i] >> FILE_PAGE & 1))
                memcpy(base + page * PAGE, image->bytes + (page - first) * PAGE, PAGE);
            else
                continue;
            copied++;
        }
    }
    mirror->copied = copied;
    if (!mirror->restores++) mirror->usual = (uint32_t)copied;
    else if (copied > 4 * (uint64_t)mirror->usual + 64) mirror->restores = RENEW_AFTER; /* one that wrote much: forget it */
    return 0;
}

/* Leave the memory as the engine knows it: without any file of ours under it. Its contents are zeros then. */
int edgefaas_unmap(Mirror *mirror) {
    if (mirror->base && blank(mirror->base, mirror->mapped)) return -1;
    memset(mirror, 0, sizeof *mirror);
    return 0;
}
