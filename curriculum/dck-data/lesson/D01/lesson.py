# %% [markdown] id="intro" kind="text"
# # 「2040年に半減」は本当か
#
# **めあて：** 主張をデータで確かめ、「何が」半分になるのかを言えるようになります。
#
# 高校生・大人 ・ 90 分 ・ 必要なもの：pandas の基本（表を読む、行を選ぶ）
#
# 市の説明スライド（2022年1月）に、次の一文があります。
#
# > 2040年には人口が半減の危機
#
# 同じスライドの注に、**消滅可能性都市**の定義があります。2010年から2040年までに、**20〜39歳の女性が
# 50％以上減る**と推計された市区町村のことです。
#
# 危機感は大切です。だからこそ、それが**どの数の話なのか**を、私たちは数で確かめます。
#
# <details lang="en"><summary>English</summary>
#
# **Goal:** check a claim with data and say what it is that halves. High school and adults, 90 minutes; you need basic
# pandas (read a table, select rows).
#
# A slide of the city (month 1 of 2022) says: "in 2040, the danger of the population halving". Its foot-note defines a
# "city that may vanish": from 2010 to 2040 the number of **women aged 20-39 is projected to fall by 50% or more**.
# The warning is serious. That is why we check with numbers **which number it is about**.
# </details>

# %% [markdown] id="yosou_text" kind="text"
# ## 1. 予想する
#
# 2015年の加賀市の総人口を 100 とすると、2040年はいくつだと思いますか。計算する前に、0 から 100 の数を
# `yosou` に入れましょう。どの数でも点になります。
#
# <details lang="en"><summary>English</summary>
#
# Predict. If Kaga's total population of 2015 is 100, what is it in 2040? Before computing, put a number from 0 to 100
# into `yosou`. Any number scores.
# </details>

# %% id="yosou" kind="answer"
### BEGIN SOLUTION
yosou = 80
### END SOLUTION

# %% id="t_yosou" kind="test" points=1
from robokit.lessons import d01
d01.yosou()

# %% [markdown] id="load_text" kind="text"
# ## 2. 表を読む
#
# `kind` は数の種類です。`actual` は国勢調査による実績、`projection` は国立社会保障・人口問題研究所の 2018年推計、
# `register` は住民登録の数です。**数え方が違うので、そのまま並べて比べられません。** 実際、2021年については
# 64,377 人と 62,346 人という別々の数が使われています。
#
# この表は二次資料から写しました。**元の推計表との照合はまだです**（`SOURCES.md`：照合待ち）。
#
# <details lang="en"><summary>English</summary>
#
# Read the table. `kind`: `actual` is the census, `projection` the 2018 projection of the national institute (IPSS),
# `register` the resident register. **They are counted differently and cannot simply be put side by side:** for 2021
# both 64,377 and 62,346 are in use. The table was copied from a secondary source and is **still to be verified** against
# the original (`SOURCES.md`).
# </details>

# %% id="load" kind="locked"
import pandas as pd
from robokit.charts import Chart, new_figure, whole_years

df = pd.read_csv("kaga_population.csv")
df

# %% id="plot" kind="locked"
figure, axis = new_figure()
styles = {"actual": "o", "register": "s",
          "projection": "o--"}
for kind, rows in df.groupby("kind"):
    axis.plot(rows["year"], rows["pop"],
              styles[kind], label=kind)
axis.set_title("加賀市の人口 / Population of Kaga")
axis.set_xlabel("年 / year")
axis.set_ylabel("人 / people")
axis.set_ylim(0, 75000)
axis.legend()
whole_years(axis)
Chart(figure, "加賀市の人口。2015年67,186人から2040年53,202人へ"
              " / Kaga: 67,186 in 2015, 53,202 in 2040")

# %% [markdown] id="narabe_text" kind="text"
# ## 3. 主張を確かめる手順
#
# 次の 7 つを、主張を確かめる順に並べましょう。正しい順は 1 つとは限りません。
#
# - **A** 計算する
# - **B** どの数の話かを決める（総人口か、一部の人口か）
# - **C** 主張をそのまま書き出す
# - **D** 計算した数と主張を比べる
# - **E** 基準の年を決める
# - **F** 限界や不確かな点を述べる
# - **G** 出典を確かめる
#
# `order = ["A", "B"]` のように、全部の文字を書きます。
#
# <details lang="en"><summary>English</summary>
#
# Order the 7 steps of checking a claim; more than 1 order is right. **A** compute, **B** decide which number it is about
# (all people or a part), **C** write the claim down as it is, **D** compare the number with the claim, **E** choose the
# base year, **F** state limits and doubts, **G** check the source. Write all letters, like `order = ["A", "B"]`.
# </details>

# %% id="narabe" kind="answer"
### BEGIN SOLUTION
order = ["C", "B", "E", "G", "A", "D", "F"]
### END SOLUTION

# %% id="t_narabe" kind="test" points=1
from robokit.lessons import d01
d01.narabe()

# %% [markdown] id="change_text" kind="text"
# ## 4. 変化率
#
# `change_pct(df, y0, y1)` を作りましょう。年 `y0` から `y1` までの人口の変化率を**パーセント**で返します。減ればマイナスです。
# 行の順番が違う表、ほかの年、ほかの表でも使えるようにします。
#
# 人口が 200 から 150 になったときの変化率は -25 です。
#
# <details lang="en"><summary>English</summary>
#
# Write `change_pct(df, y0, y1)`: the change of the population from year `y0` to `y1` in **percent**, negative for a fall.
# It must also work for rows in another order, other years and other tables. From 200 to 150 the change is -25.
# </details>

# %% id="change" kind="answer"
def change_pct(df, y0, y1):
    ### BEGIN SOLUTION
    first = df.loc[df["year"] == y0, "pop"].item()
    last = df.loc[df["year"] == y1, "pop"].item()
    return (last - first) / first * 100
    ### END SOLUTION

# %% id="tamesu" kind="free"
change_pct(df, 2015, 2040)

# %% id="t_change" kind="test" points=2
from robokit.lessons import d01
d01.change()
### BEGIN HIDDEN TESTS
from kaga_hidden import d01
d01.change()
### END HIDDEN TESTS

# %% [markdown] id="half_text" kind="text"
# ## 5. 半分になる年
#
# `half_year(df, base)` を作りましょう。基準の年 `base` より後で、人口が `base` の年の**半分以下**になる**最初の年**を
# 返します。ちょうど半分もふくみます。そのような年がなければ `None` を返します。表の行は年の順とは限りません。
#
# <details lang="en"><summary>English</summary>
#
# Write `half_year(df, base)`: the **first year** after `base` in which the population is **at most half** of that in year
# `base`; exactly half counts. Return `None` when there is no such year. The rows may be in any order.
# </details>

# %% id="half" kind="answer"
def half_year(df, base):
    ### BEGIN SOLUTION
    start = df.loc[df["year"] == base, "pop"].item()
    later = df[df["year"] > base]
    later = later[later["pop"] <= start / 2]
    return None if later.empty else int(later["year"].min())
    ### END SOLUTION

# %% id="t_half" kind="test" points=2
from robokit.lessons import d01
d01.half()
### BEGIN HIDDEN TESTS
from kaga_hidden import d01
d01.half()
### END HIDDEN TESTS

# %% [markdown] id="base_text" kind="text"
# ## 6. 基準年をえらぶと
#
# 基準の年を変えると、2040年までの減り方は違って見えます。表の年のうち、減り方が**いちばん大きく見える**基準年を
# `kijun` に入れましょう（2040 より前の年）。
#
# <details lang="en"><summary>English</summary>
#
# Another base year makes the fall until 2040 look different. Put the year of the table (before 2040) from which the fall
# looks **largest** into `kijun`.
# </details>

# %% id="base" kind="answer"
### BEGIN SOLUTION
kijun = 2015
### END SOLUTION

# %% id="t_base" kind="test" points=1
from robokit.lessons import d01
d01.base()

# %% [markdown] id="women_text" kind="text"
# ## 7. 定義どおりに計算する
#
# 消滅可能性都市の定義は、総人口ではなく **20〜39歳の女性**についてのものです。下の表は、この授業のために作った
# **架空の町の数**（synthetic）で、加賀市の数ではありません。
#
# - `josei_pct`：20〜39歳の女性の、2010年から2040年までの変化率（％）
# - `gaitou`：定義（50％以上減る）に当てはまれば `True`、そうでなければ `False`
#
# <details lang="en"><summary>English</summary>
#
# The definition is about **women aged 20-39**, not about everyone. The table below is **made up for this lesson
# (synthetic)**; it is not Kaga's. `josei_pct`: the change of women aged 20-39 from 2010 to 2040 in percent; `gaitou`:
# `True` if the definition (a fall of 50% or more) applies, else `False`.
# </details>

# %% id="women_load" kind="locked"
women = pd.read_csv("women_synthetic.csv")
women.pivot(index="age", columns="year", values="women")

# %% id="women" kind="answer"
### BEGIN SOLUTION
young = women[women["age"] == "20-39"]
young = young.set_index("year")["women"]
josei_pct = (young[2040] - young[2010]) / young[2010] * 100
gaitou = josei_pct <= -50
### END SOLUTION

# %% id="t_women" kind="test" points=1
from robokit.lessons import d01
d01.women()

# %% [markdown] id="explain_text" kind="text"
# ## 8. 公平な一文
#
# 市の広報にのせるつもりで、**誤解されない一文**を書きましょう。数、年（いつからいつまで）、出典、そして不確かな点を
# 入れてください。何語でもかまいません。（2 点）
#
# <details lang="en"><summary>English</summary>
#
# Write **one sentence that nobody can misread** for a newsletter of the city: the number, the years (from when to when),
# the source, and what is uncertain. Any language. (2 points)
# </details>

# %% [markdown] id="m_explain" kind="explain" points=2
# 国立社会保障・人口問題研究所の 2018年推計によると、加賀市の総人口は 2015年の 67,186 人から 2040年には 53,202 人へ
# 約 21％減る見通しですが、これは推計であり、実際の数は移住や出生数によって変わります。

# %% [markdown] id="motto" kind="text"
# ## 提出ともっと
#
# 保存して、[提出のページ](/hub/user-redirect/kaga/)で提出しましょう。
#
# - 2020年の国勢調査の実績を調べ、推計と比べましょう。推計はどのくらい当たりましたか。
# - 次の授業では、消滅可能性都市の定義を自分で計算します。
#
# <details lang="en"><summary>English</summary>
#
# Save, and submit on the [page of tasks](/hub/user-redirect/kaga/). More: find the census result of 2020 and compare it with the projection. How close was it? The next lesson computes
# the definition itself.
# </details>
