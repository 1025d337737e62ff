
/* Newton's method with GMRES on the generated functions: the twin, in the same steps and with the same counts, of
   iterate() in newton.py and gmres() in krylov.py, whose comments say what each safeguard is for. */

enum { SOLVED, NO_CONVERGENCE, NON_FINITE, SINGULAR, STAGNATION, BAD_START };

typedef struct {
    const int64_t *n;                              /* sizes, for the generated functions */
    double *const *p;                              /* their arrays, */
    double *u, *f, *v, *w;                         /* among them: unknowns, residual, direction, product */
    int64_t size, blocks;                          /* unknowns, and paired blocks of them */
    const int64_t *offsets;                        /* where each block begins, and the end */
    double *signs;                                 /* of each block */
    int64_t restart, cycles, iterations, halvings, patience;
    double tiny, progress, cancelled, forcing, longest, growth, accurate, left, endless, residual_bound, step_bound;
    double *work;                                  /* 4 * (restart + 1) numbers and two vectors */
    double *basis, *columns;                       /* of the Krylov space, and of the triangle on it: */
    int64_t room;                                  /* so many vectors; */
    void (*widen)(void);                           /* makes room for more, up to restart + 1, and keeps them */
    double residual, step;                         /* results */
    int64_t taken, evaluations, products, unsolved;
} Newton;                                          /* its twin is _Newton in compiled.py */

/* In four quarters, so that a sum need not wait for the one before. */
static double dot(const double *restrict a, const double *restrict b, int64_t n) {
    const int64_t q = n / 4;
    double s0 = 0.0, s1 = 0.0, s2 = 0.0, s3 = 0.0;
    #pragma omp simd reduction(+:s0,s1,s2,s3)
    for (int64_t i = 0; i < q; i++) {
        s0 += a[i] * b[i];
        s1 += a[q + i] * b[q + i];
        s2 += a[2 * q + i] * b[2 * q + i];
        s3 += a[3 * q + i] * b[3 * q + i];
    }
    for (int64_t i = 4 * q; i < n; i++) s0 += a[i] * b[i];
    return (s0 + s1) + (s2 + s3);
}

static void add(double *restrict y, double a, const double *restrict x, int64_t n) {
    #pragma omp simd
    for (int64_t i = 0; i < n; i++) y[i] += a * x[i];
}

/* Coefficients of w on four rows. */
static void on_rows(const double *restrict rows, int64_t n, const double *restrict w, double *restrict y) {
    double s0 = 0.0, s1 = 0.0, s2 = 0.0, s3 = 0.0;
    #pragma omp simd reduction(+:s0,s1,s2,s3)
    for (int64_t i = 0; i < n; i++) {
        s0 += rows[i] * w[i];
        s1 += rows[n + i] * w[i];
        s2 += rows[2 * n + i] * w[i];
        s3 += rows[3 * n + i] * w[i];
    }
    y[0] = s0, y[1] = s1, y[2] = s2, y[3] = s3;
}

/* Coefficients y of w on k orthonormal rows, which are taken out of w; four rows at a time, while they are near, and in
   the same pass as the coefficients on the next four. */
static void take_out(const double *restrict rows, int64_t k, int64_t n, double *restrict w, double *restrict y) {
    int64_t j = 0;
    if (k >= 4) on_rows(rows, n, w, y);
    for (; j + 8 <= k; j += 4, rows += 4 * n) {
        const double a = y[j], b = y[j + 1], c = y[j + 2], d = y[j + 3], *restrict next = rows + 4 * n;
        double s0 = 0.0, s1 = 0.0, s2 = 0.0, s3 = 0.0;
        #pragma omp simd reduction(+:s0,s1,s2,s3)
        for (int64_t i = 0; i < n; i++) {
            const double x = w[i] - ((a * rows[i] + b * rows[n + i]) + (c * rows[2 * n + i] + d * rows[3 * n + i]));
            w[i] = x;
            s0 += next[i] * x;
            s1 += next[n + i] * x;
            s2 += next[2 * n + i] * x;
            s3 += next[3 * n + i] * x;
        }
        y[j + 4] = s0, y[j + 5] = s1, y[j + 6] = s2, y[j + 7] = s3;
    }
    for (; j + 4 <= k; j += 4, rows += 4 * n)
        for (int64_t i = 0; i < n; i++)
            w[i] -= (y[j] * rows[i] + y[j + 1] * rows[n + i]) + (y[j + 2] * rows[2 * n + i] + y[j + 3] * rows[3 * n + i]);
    for (; j < k; j++, rows += n) {
        y[j] = dot(rows, w, n);
        add(w, -y[j], rows, n);
    }
}

/* y += the rows with their coefficients. */
static void add_rows(const double *restrict rows, int64_t k, int64_t n, const double *restrict c, double *restrict y) {
    int64_t j = 0;
    for (; j + 4 <= k; j += 4, rows += 4 * n) {
        const double a = c[j], b = c[j + 1], d = c[j + 2], e = c[j + 3];
        #pragma omp simd
        for (int64_t i = 0; i < n; i++)
            y[i] += (a * rows[i] + b * rows[n + i]) + (d * rows[2 * n + i] + e * rows[3 * n + i]);
    }
    for (; j < k; j++, rows += n) add(y, c[j], rows, n);
}

/* Largest entry; infinite where an entry is not finite. */
static double largest(const double *x, int64_t n) {
    double m = 0.0, bad = 0.0;
    #pragma omp simd reduction(max:m) reduction(+:bad)
    for (int64_t i = 0; i < n; i++) {
        const double a = fabs(x[i]);
        m = a > m ? a : m;
        bad += 0.0 * a;
    }
    return bad == 0.0 ? m : INFINITY;
}

/* y = factor * x, with the sign of its block for every entry. */
static void with_signs(const Newton *s, double factor, const double *restrict x, double *restrict y) {
    for (int64_t k = 0; k < s->blocks; k++) {
        const double a = factor * s->signs[k];
        #pragma omp simd
        for (int64_t i = s->offsets[k]; i < s->offsets[k + 1]; i++) y[i] = a * x[i];
    }
}

static void apply(Newton *s, const double *x, double *y) {
    memcpy(s->v, x, s->size * sizeof(double));
    product(s->n, s->p);
    with_signs(s, 1.0, s->w, y);
    s->products++;
}

/* One Arnoldi cycle from zero: adds the step to x and returns the norm of the residual that it leaves. */
static double cycle(Newton *s, const double *b, double size, double target, double *x) {
    const int64_t n = s->size, most = n < s->restart ? n : s->restart;
    double *basis = s->basis, *h = s->columns;
    double *right = s->work, *c = right + s->restart + 1, *d = c + s->restart + 1, *y = d + s->restart + 1;
    int64_t k = 0, used = 0;
    double left = size;
    for (int64_t i = 0; i < n; i++) basis[i] = b[i] / size;
    right[0] = size;
    while (k < most) {
        if (k + 1 == s->room) {
            s->widen();
            if (k + 1 == s->room) return INFINITY;
            basis = s->basis, h = s->columns;
        }
        double *w = basis + (k + 1) * n, *column = h + k * (k + 1) / 2;
        apply(s, basis + k * n, w);
        take_out(basis, k + 1, n, w, column);
        double length = sqrt(dot(w, w, n)), whole = hypot(sqrt(dot(column, column, k + 1)), length);
        if (length < s->cancelled * whole) {
            take_out(basis, k + 1, n, w, y);
            add(column, 1.0, y, k + 1);
            length = sqrt(dot(w, w, n));
        }
        if (!isfinite(length)) return INFINITY;
        for (int64_t j = 0; j < k; j++) {
            const double a = column[j];
            column[j] = c[j] * a + d[j] * column[j + 1];
            column[j + 1] = c[j] * column[j + 1] - d[j] * a;
        }
        const double radius = hypot(column[k], length);
        if (radius <= s->tiny * whole) { left = fabs(right[k]); used = k; break; }
        c[k] = column[k] / radius;
        d[k] = length / radius;
        column[k] = radius;
        right[k + 1] = -d[k] * right[k];
        right[k] *= c[k];
        used = ++k;
        left = fabs(right[k]);
        if (left <= target || length <= s->tiny * whole) break;
        const double unit = 1.0 / length;
        for (int64_t i = 0; i < n; i++) w[i] *= unit;
    }
    for (int64_t i = used - 1; i >= 0; i--) {
        for (int64_t j = i + 1; j < used; j++) right[i] -= h[j * (j + 1) / 2 + i] * right[j];
        right[i] /= h[i * (i + 1) / 2 + i];
    }
    add_rows(basis, used, n, right, x);
    return left;
}

/* Solve A x = factor * b to a relative residual, b without the signs of the blocks; returns the one that was reached. */
static double gmres(Newton *s, double factor, const double *b, double tolerance, double *x, double *rest,
                    int *converged) {
    const int64_t n = s->size;
    const double scale = sqrt(dot(b, b, n));
    double size = scale, before;
    memset(x, 0, n * sizeof(double));
    *converged = 1;
    if (scale == 0.0) return 0.0;
    with_signs(s, factor, b, rest);
    for (int64_t k = 0; k < s->cycles; k++) {
        before = size;
        size = cycle(s, rest, size, tolerance * scale, x);
        if (!isfinite(size) || size <= tolerance * scale || size > s->progress * before) break;
        apply(s, x, rest);
        for (int64_t i = 0; i < n; i++) s->w[i] = factor * b[i] - s->w[i];
        with_signs(s, 1.0, s->w, rest);
        size = sqrt(dot(rest, rest, n));
    }
    *converged = size <= tolerance * scale;
    return size / scale;
}

/* Sign of each paired diagonal block. */
static void block_signs(Newton *s, double *x, double *y) {
    for (int64_t k = 0; k < s->blocks; k++) s->signs[k] = 1.0;
    for (int64_t k = 0; k < s->blocks; k++) {
        double sum = 0.0;
        for (int64_t i = 0; i < s->size; i++) x[i] = i >= s->offsets[k] && i < s->offsets[k + 1];
        apply(s, x, y);
        for (int64_t i = s->offsets[k]; i < s->offsets[k + 1]; i++) sum += y[i];
        if (sum < 0) s->signs[k] = -1.0;
    }
}

static double evaluate(Newton *s) {
    residual(s->n, s->p);
    s->evaluations++;
    return largest(s->f, s->size);
}

static double certifying(const Newton *s, double residual) {
    return fmax(s->accurate, s->left / fmax(residual, 1e-300));
}

/* Iterate from the point in u, where the last point is left; best has room for iterations + 2 numbers. */
int newton(Newton *s, double *best) {
    const int64_t n = s->size;
    double *x = s->work + 4 * (s->restart + 1), *rest = x + n, forcing = s->forcing;
    int64_t count = 1;
    s->residual = evaluate(s);
    best[0] = INFINITY;
    if (!isfinite(s->residual)) return BAD_START;
    if (!n) { s->step = 0.0; return SOLVED; }
    for (int64_t k = 0; k < s->iterations; k++, count++) {
        best[count] = s->residual < best[count - 1] ? s->residual : best[count - 1];
        if (count + 1 > s->patience && best[count] > 0.9 * best[count + 1 - s->patience]) return NO_CONVERGENCE;
        const double size = s->residual;
        linear(s->n, s->p);
        if (!k) block_signs(s, x, rest);
        int converged;
        const double reached = gmres(s, -1.0, s->f, forcing, x, rest, &converged);
        s->unsolved += !converged;
        s->step = largest(x, n);
        if (!(s->step < s->endless)) return SINGULAR;
        if (reached > 0.99) return STAGNATION;
        double length = s->longest / (s->step > 1e-300 ? s->step : 1e-300), value = 0.0;
        const double limit = s->growth * (size > s->residual_bound ? size : s->residual_bound);
        int64_t h = 0;
        if (!(length < 1.0)) length = 1.0;
        double *old = rest;  /* of which the linear solve has no more need */
        memcpy(old, s->u, n * sizeof(double));
        for (; h < s->halvings; h++, length /= 2) {
            for (int64_t i = 0; i < n; i++) s->u[i] = old[i] + length * x[i];
            value = evaluate(s);
            if (isfinite(value) && value <= limit) break;
        }
        s->taken++;
        if (h == s->halvings) { memcpy(s->u, old, n * sizeof(double)); return NON_FINITE; }
        s->residual = value;
        if (value < s->residual_bound && s->step < s->step_bound && length == 1.0 && converged
            && forcing <= certifying(s, size)) return SOLVED;
        forcing = certifying(s, value);
        if (value >= s->accurate && size > 0) {
            const double ratio = value / size;
            forcing = fmax(forcing, fmax(0.9 * ratio * ratio, 0.1 * s->step_bound / value));
        }
        forcing = fmin(forcing, s->forcing);
    }
    return NO_CONVERGENCE;
}
