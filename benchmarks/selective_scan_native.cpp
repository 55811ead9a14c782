// The selective scan as native code for this machine, for comparison only: the toolkit ships none.
// g++ -O3 -march=native -ffast-math -fopenmp -shared -fPIC
//
// u, dt, y (B, L, D); A (D, N) times log2(e), cut into blocks (D/64, N, 64); B, C (B, L, N).
// Gradients of A and of the maps come for each block, and are summed by the caller.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {
constexpr int W = 64, T = 64;

inline float exp2_fast(float x) {
    x = x < -126.f ? -126.f : x;
    float k = std::nearbyintf(x), f = x - k;
    float p = 0.0013333537f;
    p = p * f + 0.0096662454f;
    p = p * f + 0.0555050022f;
    p = p * f + 0.2402235124f;
    p = p * f + 0.6931471435f;
    p = p * f + 1.f;
    int32_t bits;
    std::memcpy(&bits, &p, 4);
    bits += static_cast<int32_t>(k) << 23;
    std::memcpy(&p, &bits, 4);
    return p;
}
}  // namespace

extern "C" void forward(const float* u, const float* dt, const float* A, const float* Bm,
                        const float* Cm, const float* Dv, float* y, float* kept, int batch,
                        int length, int channels, int size) {
    const int blocks = channels / W, chunks = (length + T - 1) / T;
#pragma omp parallel for collapse(2) schedule(static)
    for (int b = 0; b < batch; b++)
        for (int k = 0; k < blocks; k++) {
            std::vector<float> hv(size * W, 0.f);
            float* __restrict h = hv.data();
            const float* __restrict a = A + (size_t)k * size * W;
            for (int t = 0; t < length; t++) {
                const size_t at = ((size_t)b * length + t) * channels + k * W;
                const float* __restrict us = u + at;
                const float* __restrict ds = dt + at;
                const float* __restrict bs = Bm + ((size_t)b * length + t) * size;
                const float* __restrict cs = Cm + ((size_t)b * length + t) * size;
                if (t % T == 0)
                    std::memcpy(kept + (((size_t)b * blocks + k) * chunks + t / T) * size * W, h,
                                sizeof(float) * size * W);
                float out[W], in[W];
                for (int j = 0; j < W; j++) out[j] = Dv[k * W + j] * us[j], in[j] = ds[j] * us[j];
                for (int n = 0; n < size; n++) {
                    const float bn = bs[n], cn = cs[n];
#pragma omp simd
                    for (int j = 0; j < W; j++) {
                        const float v = exp2_fast(ds[j] * a[n * W + j]) * h[n * W + j] + in[j] * bn;
                        h[n * W + j] = v;
                        out[j] += v * cn;
                    }
                }
                std::memcpy(y + at, out, sizeof(out));
            }
        }
}

extern "C" void backward(const float* u, const float* dt, const float* A, const float* Bm,
                         const float* Cm, const float* Dv, const float* g, const float* kept,
                         float* du, float* ddt, float* dA, float* dB, float* dC, float* dD,
                         int batch, int length, int channels, int size) {
    const int blocks = channels / W, chunks = (length + T - 1) / T, tile = size * W;
#pragma omp parallel for collapse(2) schedule(static)
    for (int b = 0; b < batch; b++)
        for (int k = 0; k < blocks; k++) {
            std::vector<float> hv((T + 1) * (size_t)tile), ev(T * (size_t)tile), dhv(tile, 0.f);
            float* __restrict h = hv.data();
            float* __restrict e = ev.data();
            float* __restrict dh = dhv.data();
            const float* __restrict a = A + (size_t)k * tile;
            float* __restrict ga = dA + ((size_t)b * blocks + k) * tile;
            float* __restrict gd = dD + (size_t)b * channels + k * W;
            for (int c = chunks - 1; c >= 0; c--) {
                const int t0 = c * T, m = length - t0 < T ? length - t0 : T;
                std::memcpy(h, kept + (((size_t)b * blocks + k) * chunks + c) * tile,
                            sizeof(float) * tile);
                for (int i = 0; i < m; i++) {
                    const size_t row = (size_t)b * length + t0 + i, at = row * channels + k * W;
                    for (int n = 0; n < size; n++) {
                        const float bn = Bm[row * size + n];
#pragma omp simd
                        for (int j = 0; j < W; j++) {
                            const int x = i * tile + n * W + j;
                            e[x] = exp2_fast(dt[at + j] * a[n * W + j]);
                            h[x + tile] = e[x] * h[x] + dt[at + j] * u[at + j] * bn;
                        }
                    }
                }
                for (int i = m - 1; i >= 0; i--) {
                    const size_t row = (size_t)b * length + t0 + i, at = row * channels + k * W;
                    const float* __restrict us = u + at;
                    const float* __restrict ds = dt + at;
                    const float* __restrict gs = g + at;
                    float s1[W] = {}, s2[W] = {}, in[W];
                    for (int j = 0; j < W; j++) in[j] = us[j] * ds[j];
                    for (int n = 0; n < size; n++) {
                        const float bn = Bm[row * size + n], cn = Cm[row * size + n];
                        float rb = 0, rc = 0;
#pragma omp simd reduction(+ : rb, rc)
                        for (int j = 0; j < W; j++) {
                            const int x = i * tile + n * W + j;
                            float d = dh[n * W + j] + gs[j] * cn;
                            rc += gs[j] * h[x + tile];
                            rb += d * in[j];
                            s1[j] += d * bn;
                            d *= e[x];
                            dh[n * W + j] = d;
                            const float q = d * h[x];
                            s2[j] += q * a[n * W + j];
                            ga[n * W + j] += q * ds[j];
                        }
                        dB[(((size_t)b * blocks + k) * length + t0 + i) * size + n] = rb;
                        dC[(((size_t)b * blocks + k) * length + t0 + i) * size + n] = rc;
                    }
                    for (int j = 0; j < W; j++) {
                        du[at + j] = s1[j] * ds[j] + gs[j] * Dv[k * W + j];
                        ddt[at + j] = s1[j] * us[j] + 0.69314718f * s2[j];
                        gd[j] += gs[j] * us[j];
                    }
                }
            }
        }
}
